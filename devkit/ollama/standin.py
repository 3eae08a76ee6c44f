"""Ollama on loopback, on one port, over real sockets."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

from devkit.clock import FakeClock
from devkit.faults import Faults
from devkit.journal import Journal
from devkit.ollama.api import Library, LibraryApi, operation
from devkit.ollama.behaviour import Behaviour
from devkit.ollama.chats import Chat, Chats
from devkit.ollama.chatting import ChatApi
from devkit.ollama.control import Control
from devkit.ollama.gate import hosts, keys
from devkit.ollama.models import SEEING, Model, installed
from devkit.ollama.refusals import refusals
from devkit.replicate.faults import ApiFault, api_faults
from devkit.serving import served

_LARGEST = 256 * 1024 * 1024


@dataclass(kw_only=True)
class OllamaStandIn:
    """A machine that runs models, for as long as the `async with` block runs.

    Behaviours are found by a model's full name; else *behaviour* holds.  Both may change at any time.  Faults are `on`
    chat, show, tags, ps or version.
    """

    models: dict[str, Model] = field(default_factory=installed)
    key: str | None = None
    """Asked for, as in the cloud; without one anyone is let in."""
    clock: FakeClock = field(default_factory=lambda: FakeClock(ticking=True))
    behaviour: Behaviour = field(default_factory=Behaviour)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    version: str = "0.32.15"
    tells_capabilities: bool = True
    """False: a server from before it said what its models can do."""
    parallel: int = 4
    """How many answers are said at once."""
    queue: int = 512
    """How many more may wait."""
    host: str = "127.0.0.1"
    port: int = 0
    base_url: str = field(init=False, default="")
    api_faults: Faults[ApiFault] = field(init=False, default_factory=Faults)
    journal: Journal = field(init=False, default_factory=Journal)
    _chats: Chats = field(init=False, default_factory=Chats)
    _stack: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.base_url = await stack.enter_async_context(served(self._app(), host=self.host, port=self.port))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def settings(self) -> dict[str, str]:
        """What a service is told to find this stand-in, and a model on it that can see."""
        found = {"OLLAMA_HOST": self.base_url, "OLLAMA_MODEL": SEEING}
        return found if self.key is None else {**found, "OLLAMA_API_KEY": self.key}

    @property
    def chats(self) -> list[Chat]:
        """Every chat that was let in, in order of arrival."""
        return self._chats.all

    @property
    def most_at_once(self) -> int:
        """How many answers were under way, or waiting, at the same time."""
        return self._chats.most_at_once

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def behave(self, model: str | None, behaviour: Behaviour) -> None:
        """Have *model*, or all that have no behaviour of their own, behave so from now on."""
        if model is None:
            self.behaviour = behaviour
        else:
            self.behaviours[model] = behaviour

    def release(self) -> None:
        """Let every chat go on that is held back."""
        self._chats.release()

    async def arrived(self, count: int = 1) -> None:
        """Wait until *count* chats were let in."""
        await self._chats.until(lambda: len(self.chats) >= count)

    async def said(self, pieces: int, *, chat: int = 0) -> None:
        """Wait until a chat was sent so many pieces."""
        await self._chats.until(lambda: len(self.chats) > chat and self.chats[chat].said >= pieces)

    async def left(self, count: int = 1) -> None:
        """Wait until *count* chats were left by whoever asked."""
        await self._chats.until(lambda: sum(chat.left_at is not None for chat in self.chats) >= count)

    async def settled(self) -> None:
        """Wait until no answer is under way."""
        await self._chats.until(lambda: not any(chat.is_under_way for chat in self.chats))

    def _app(self) -> web.Application:
        app = web.Application(
            middlewares=[
                self.journal.middleware("ollama"),
                refusals(),
                hosts(),
                keys(self.key),
                api_faults(self.api_faults, name_of=operation, content_type="application/json"),
            ],
            client_max_size=_LARGEST,
        )
        library = Library(clock=self.clock, models=self.models)
        chat_api = ChatApi(
            library,
            self._chats,
            behaviour_of=lambda model: self.behaviours.get(model, self.behaviour),
            parallel=self.parallel,
            queue=self.queue,
        )
        app.add_routes(LibraryApi(library, version=self.version, tells_capabilities=self.tells_capabilities).routes())
        app.add_routes(chat_api.routes())
        app.add_routes(
            Control(
                clock=self.clock,
                behave=self.behave,
                chats=self._chats,
                api_faults=self.api_faults,
                journal=self.journal,
            ).routes()
        )
        return app

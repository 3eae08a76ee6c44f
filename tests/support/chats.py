"""The real services that talk, over a real catalog and store, and a model that says what a test has it say."""

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from app.adapters.chat.ollama import OllamaModels
from app.config import Settings
from app.domain.answers import Done, Event, Failed, Started, Token
from app.domain.chat_models import Abilities, ChatOrder, Finished, Piece, Said
from app.domain.conversations import Message
from app.domain.errors import ModelNotFound
from app.domain.ids import SessionId, UserId
from app.domain.metrics import Levels
from app.services.chat import ChatTerms, Question, Saying
from app.wiring import World
from app.wiring.adapters import opened
from app.wiring.graph import Graph
from devkit.clock import FakeClock
from tests.support.pictures import png
from tests.support.service import environment

ANA, BOB = UserId("ana"), UserId("bob")
SEEING, BLIND = "llava", "blind"
PICTURE = f"data:image/png;base64,{base64.b64encode(png(8, 6)).decode()}"


@dataclass(eq=False)
class Call:
    """One answer a model was asked for: it says what it is handed, until it is done or nobody listens."""

    order: ChatOrder
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _pieces: asyncio.Queue[Piece | Exception] = field(default_factory=asyncio.Queue)

    def say(self, *texts: str) -> None:
        for text in texts:
            self.give(Said(text))

    def finish(self, reason: str = "stop", **counters: int) -> None:
        self.give(Finished(reason, counters))

    def give(self, piece: Piece | Exception) -> None:
        self._pieces.put_nowait(piece)

    async def next(self) -> Piece:
        piece = await self._pieces.get()
        if isinstance(piece, Exception):
            raise piece
        return piece


class ScriptedModels:
    """`ChatModels` of which *sees* knows every model, and whether it sees.  *prompt* is what each says at once."""

    def __init__(self, *prompt: Piece | Exception) -> None:
        self.sees = {SEEING: True, BLIND: False}
        self.asked: list[str] = []
        self.calls: list[Call] = []
        self.prompt = prompt
        self.letting_go = asyncio.Event()
        """Cleared, it takes until it is set for a model that has ended, or is closed, to be gone."""
        self.letting_go.set()
        self._was_called = asyncio.Event()

    async def abilities(self, model: str) -> Abilities:
        self.asked.append(model)
        if model not in self.sees:
            raise ModelNotFound(f"There is no model {model}.")
        return Abilities(sees=self.sees[model])

    async def answer(self, order: ChatOrder) -> AsyncGenerator[Piece, None]:
        call = Call(order)
        for piece in self.prompt:
            call.give(piece)
        self.calls.append(call)
        self._was_called.set()
        try:
            while True:
                piece = await call.next()
                yield piece
                if isinstance(piece, Finished):
                    return
        finally:
            call.closed.set()
            await self.letting_go.wait()

    async def called(self, count: int = 1) -> Call:
        """Return the last of *count* calls, once they came."""
        while len(self.calls) < count:
            self._was_called.clear()
            await self._was_called.wait()
        return self.calls[count - 1]

    async def aclose(self) -> None:
        """There is nothing to close."""


@dataclass(frozen=True, slots=True)
class Talk:
    """A graph whose clockwork stands still: `look` is called by hand, and the clock moved."""

    graph: Graph
    models: ScriptedModels
    clock: FakeClock

    async def ask(self, text: str = "What is it?", *, user: UserId = ANA, **more: Any) -> Saying:
        return await self.graph.chat.ask(Question(user=user, text=text, **more))

    async def said(self, text: str = "What is it?", **more: Any) -> list[Event]:
        """Ask, and return all that is told."""
        async with await self.ask(text, **more) as saying:
            return [event async for event in saying.events()]

    async def look(self, *, after: float = 1.0) -> None:
        self.clock.advance(after)
        await self.graph.answers.look()

    def numbers(self) -> str:
        """Return what is counted, as text."""
        levels = Levels(risk=None, seconds_to_deadline=None, free_bytes=None, is_ready=True, successes=None)
        return self.graph.metrics.expose(levels).body.decode()

    async def messages(self, session: SessionId) -> list[Message]:
        return await self.graph.adapters.conversations.messages(session, after=0, limit=100)

    async def answer(self, session: SessionId) -> Message:
        """Return what was said last."""
        return (await self.messages(session))[-1]

    async def sessions(self, user: UserId = ANA) -> list[SessionId]:
        found = await self.graph.adapters.conversations.sessions(user, after=None, limit=100)
        return [session.id for session in found]


@asynccontextmanager
async def talking(
    folder: Path, models: ScriptedModels | None = None, *, hold_back: float = 60.0, **changes: str
) -> AsyncIterator[Talk]:
    """Yield services over *folder*; a model gets *hold_back* seconds before its question is kept all the same."""
    clock, models = FakeClock(), models or ScriptedModels()
    settings = Settings.from_env(environment(folder) | {"OLLAMA_MODEL": SEEING} | changes, dotenv=None)
    world = World(clock=clock, monotonic=clock.monotonic)
    async with opened(settings, world) as adapters:
        graph = Graph(settings, world, replace(adapters, models=cast(OllamaModels, models)))
        await graph.recovery.require_volume()
        graph.chat_terms = ChatTerms(max_answer=settings.chat_answer_max_chars, hold_back=timedelta(seconds=hold_back))
        async with aclosing(graph.variants):
            try:
                yield Talk(graph, models, clock)
            finally:
                await graph.answers.stop(timedelta())


async def heard(saying: Saying, count: int) -> list[Event]:
    """Return the next *count* events; the reader stays."""
    events: list[Event] = []
    async for event in saying.events():
        events.append(event)
        if len(events) == count:
            break
    return events


async def began(saying: Saying) -> Started:
    (started,) = await heard(saying, 1)
    assert isinstance(started, Started)
    return started


async def rest(saying: Saying) -> list[Event]:
    return [event async for event in saying.events()]


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.content for event in events if isinstance(event, Token))


def end_of(events: Sequence[Event]) -> Done | Failed:
    end = events[-1]
    assert isinstance(end, (Done, Failed))
    return end

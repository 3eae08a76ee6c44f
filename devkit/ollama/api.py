"""The calls that tell what is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from devkit.clock import FakeClock
from devkit.ollama import models as kinds
from devkit.ollama.models import Model
from devkit.ollama.refusals import not_found
from devkit.ollama.wishes import members_of, name_in

_STAY = timedelta(minutes=5)
_OPERATIONS = {
    "/api/chat": "chat",
    "/api/show": "show",
    "/api/tags": "tags",
    "/api/ps": "ps",
    "/api/version": "version",
}


def operation(request: web.Request) -> str | None:
    """Return what a call does: chat, show, tags, ps or version."""
    return _OPERATIONS.get(request.path)


@dataclass(slots=True, kw_only=True)
class Library:
    """The models, and which of them are in memory."""

    clock: FakeClock
    models: Mapping[str, Model]
    loaded: dict[str, datetime] = field(default_factory=dict)
    """Until when."""

    def get(self, name: str) -> tuple[str, Model]:
        """Return a model and its full name; raise the `Refusal` for one that is not there."""
        found = kinds.find(self.models, name)
        if found is None:
            raise not_found(name)
        return found

    def is_loaded(self, name: str) -> bool:
        return name in self.loaded and self.loaded[name] > self.clock()

    def use(self, name: str) -> None:
        """Keep a model in memory for another five minutes."""
        self.loaded[name] = self.clock() + _STAY


class LibraryApi:
    def __init__(self, library: Library, *, version: str, tells_capabilities: bool) -> None:
        self._library = library
        self._clock = library.clock
        self._version = version
        self._tells_capabilities = tells_capabilities

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._root),
            web.get("/api/version", self._tell_version),
            web.get("/api/tags", self._tags),
            web.get("/api/ps", self._ps),
            web.post("/api/show", self._show),
        ]

    async def _root(self, _: web.Request) -> web.Response:
        return web.Response(text="Ollama is running")

    async def _tell_version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": self._version})

    async def _tags(self, _: web.Request) -> web.Response:
        return web.json_response({"models": [self._told(name) for name in self._library.models]})

    async def _ps(self, _: web.Request) -> web.Response:
        library = self._library
        running = [
            self._told(name) | {"expires_at": until.isoformat(), "size_vram": 4_661_224_676}
            for name, until in library.loaded.items()
            if library.is_loaded(name)
        ]
        return web.json_response({"models": running})

    async def _show(self, request: web.Request) -> web.Response:
        name, model = self._library.get(name_in(await members_of(request)))
        return web.json_response(kinds.shown(name, model, self._clock(), capabilities=self._tells_capabilities))

    def _told(self, name: str) -> dict[str, Any]:
        model = self._library.models[name]
        return kinds.told(name, model, self._clock(), capabilities=self._tells_capabilities)

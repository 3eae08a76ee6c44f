"""A real server with one picture, in a real file."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from app.domain.errors import AppError
from app.web.serving.headers import Cache, cache_control, preflight
from app.web.serving.plan import Plan, plan
from app.web.serving.representation import Representation
from app.web.serving.sender import STALL, send
from tests.support.blobs import FileBlob
from tests.web.serving.pictures import NOW, representation_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Site:
    """A picture, how it is stored, and what became of every request for it."""

    path: Path
    representation: Representation
    opened: list[FileBlob] = field(default_factory=list)
    answered: list[web.StreamResponse] = field(default_factory=list)
    refused: list[AppError] = field(default_factory=list)
    open: Callable[[Path], FileBlob] = FileBlob
    plan: Plan | None = None
    stall: float = STALL
    _began: asyncio.Event = field(default_factory=asyncio.Event)

    async def show(self, request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=dict(preflight()))
        blob = self.open(self.path)
        self.opened.append(blob)
        self._began.set()
        try:
            response = await send(request, self.plan or self._plan(request), blob, stall=self.stall)
        except AppError as refusal:
            self.refused.append(refusal)
            return web.Response(status=503)
        self.answered.append(response)
        return response

    async def first_closed(self) -> None:
        """Wait until the first blob was opened and closed again."""
        async with asyncio.timeout(10):
            await self._began.wait()
            await self.opened[0].closed.wait()

    def _plan(self, request: web.Request) -> Plan:
        cache = cache_control(Cache.PUBLIC)
        return plan(request.method, request.headers, self.representation, now=NOW, cache=cache)


MakeSite = Callable[[bytes], Site]


@pytest.fixture
def make_site(tmp_path: Path) -> MakeSite:
    def make(data: bytes) -> Site:
        path = tmp_path / "picture"
        path.write_bytes(data)
        return Site(path, representation_of(data))

    return make


def application(handler: Handler) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/image", handler)
    return app

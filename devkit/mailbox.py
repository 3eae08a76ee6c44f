"""A receiver of webhooks that keeps what it gets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDictProxy

from devkit.serving import served


@dataclass(frozen=True, slots=True)
class Letter:
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Mailbox:
    """Answers with the coming *statuses*, then with 200."""

    url: str
    statuses: list[int] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.letters.append(Letter(request.headers, await request.read()))
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": f"{self.url}/elsewhere"})


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    """Receive webhooks at any path of `Mailbox.url` while the block runs."""
    box = Mailbox(url="")
    app = web.Application()
    app.router.add_post("/{path:.*}", box.take)
    async with served(app) as box.url:
        yield box

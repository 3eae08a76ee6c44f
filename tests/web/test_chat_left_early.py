"""Readers that leave before their answer has begun: nothing is kept, and no place is held."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from devkit.ollama import Behaviour, OllamaStandIn
from devkit.serving import served
from tests.support.beside_ollama import beside
from tests.support.conversing import SAY, said, sessions
from tests.support.pictures import png
from tests.support.raw import Line, connected, request
from tests.support.service import Service
from tests.support.sources import data_uri
from tests.support.uploading import BOUNDARY, assert_nothing_is_left, form, part
from tests.support.waiting import until

SOON = 0.8
"""Seconds: less than a refusal is held back for."""
HELD = Behaviour(answer="Late.", holds_after=0)
QUESTION = b'{"user_id": "ana", "message": "Look", "images": ["%b"]}' % data_uri(png()).encode()


class SlowLibrary:
    """A server that takes for ever to say what its models can do."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self.app = web.Application()
        self.app.router.add_post("/api/show", self._show)

    async def _show(self, _: web.Request) -> web.Response:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()
        return web.Response()


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaStandIn]:
    async with OllamaStandIn(behaviour=HELD) as stand_in:
        yield stand_in


@asynccontextmanager
async def asking(service: Service, body: bytes = QUESTION, kind: str = "application/json") -> AsyncIterator[Line]:
    """Yield a connection on which something is asked; it is dropped in the end."""
    async with connected(service) as line:
        await line.say(request("POST", SAY, f"Content-Type: {kind}", body=body))
        yield line


async def test_who_leaves_while_the_model_is_looked_up_is_asked_for_no_more(
    tmp_path: Path, ollama: OllamaStandIn
) -> None:
    library = SlowLibrary()
    async with served(library.app) as url, beside(tmp_path, ollama, OLLAMA_HOST=url) as service:
        async with asking(service):
            await asyncio.wait_for(library.asked.wait(), 5)
        await asyncio.wait_for(library.left.wait(), SOON)

        await assert_nothing_is_left(service)
        assert await sessions(service.http) == []


@pytest.mark.parametrize("kind", ["application/json", f"multipart/form-data; boundary={BOUNDARY}"])
async def test_who_leaves_before_the_first_word_leaves_nothing_behind(
    tmp_path: Path, ollama: OllamaStandIn, kind: str
) -> None:
    picture = part("images", png()).replace(b'"images"', b'"images"; filename="a.png"')
    body = QUESTION if kind.endswith("json") else form(part("user_id", b"ana"), part("message", b"Look"), picture)
    async with beside(tmp_path, ollama) as service:
        async with asking(service, body, kind):
            await ollama.arrived()
        async with asyncio.timeout(SOON):
            await ollama.left()
        await until(lambda: service.files() == [], seconds=5)

        assert await sessions(service.http) == []


async def test_who_says_no_more_has_left(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama) as service, asking(service) as line:
        await ollama.arrived()
        line.end()
        async with asyncio.timeout(SOON):
            await ollama.left()
            assert await line.is_closed()

        assert await sessions(service.http) == []


async def test_who_has_left_holds_nobodys_place(tmp_path: Path, ollama: OllamaStandIn) -> None:
    bounds = {"OLLAMA_CONCURRENCY": "1", "OLLAMA_QUEUE_LIMIT": "2"}
    async with beside(tmp_path, ollama, **bounds) as service:
        async with AsyncExitStack() as leaving:
            for _ in range(3):
                await leaving.enter_async_context(asking(service))
            await until(lambda: len(service.files()) == 3, seconds=5)
        await until(lambda: service.files() == [], seconds=SOON)
        ollama.behave(None, Behaviour())
        events = await said(service)

        assert events[-1].name == "done"
        assert len(await sessions(service.http)) == 1

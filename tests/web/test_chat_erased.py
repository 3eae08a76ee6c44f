"""Erasing an owner while something of his is on its way: nothing of it arrives."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from app.domain.ids import UserId
from devkit.ollama import Behaviour, OllamaStandIn
from devkit.serving import served
from tests.support.beside_ollama import beside
from tests.support.conversing import begun, said, say, sessions, show
from tests.support.pictures import png
from tests.support.problems import problem_of
from tests.support.raw import connected, request
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.uploading import ANA, BOUNDARY, UPLOAD, a_file, assert_nothing_is_left, upload
from tests.support.uploading import form as parts
from tests.support.waiting import until

HELD = Behaviour(answer="Late.", holds_after=0)


class SlowLibrary:
    """A server that takes its time to say what its models can do, and has little to say beside."""

    def __init__(self) -> None:
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self.app = web.Application()
        self.app.router.add_post("/api/show", self._show)
        self.app.router.add_post("/api/chat", self._chat)

    async def _show(self, _: web.Request) -> web.Response:
        self.asked.set()
        await self.answers.wait()
        return web.json_response({"capabilities": ["vision"]})

    async def _chat(self, _: web.Request) -> web.Response:
        return web.json_response({"message": {"content": "Red."}, "done": True})


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaStandIn]:
    async with OllamaStandIn(behaviour=HELD) as stand_in:
        yield stand_in


@pytest.fixture
async def service(tmp_path: Path, ollama: OllamaStandIn) -> AsyncIterator[Service]:
    async with beside(tmp_path, ollama) as running:
        yield running


async def erase(service: Service) -> None:
    assert (await service.http.delete("/v1/users/ana")).status == 204


async def test_a_question_whose_model_still_loads_is_not_kept(service: Service, ollama: OllamaStandIn) -> None:
    asking = asyncio.create_task(say(service.http, "Look", images=[data_uri(png())]))
    await ollama.arrived()
    await erase(service)
    await problem_of(await asking, status=404, code="not_found")

    assert await sessions(service.http) == []
    await assert_nothing_is_left(service)


@pytest.mark.parametrize("text", ["Look", None], ids=["with text", "alone"])
async def test_a_picture_whose_model_is_still_looked_up_is_not_kept(tmp_path: Path, text: str | None) -> None:
    library = SlowLibrary()
    async with (
        served(library.app) as url,
        serving(tmp_path, OLLAMA_HOST=url, OLLAMA_MODEL="llava") as service,
    ):
        asking = [
            asyncio.create_task(say(service.http, text, images=[data_uri(png())])),
            asyncio.create_task(show(service.http, text, png())),
        ]
        await until(library.asked.is_set)
        await erase(service)
        library.answers.set()
        answers = await asyncio.gather(*asking)

        assert {answer.status for answer in answers} <= {404, 409}
        assert await sessions(service.http) == []
        await assert_nothing_is_left(service)


async def test_an_upload_that_began_before_is_refused(service: Service) -> None:
    body = parts(ANA, a_file(png()))
    async with connected(service) as line:
        kind = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
        await line.say(request("POST", UPLOAD, kind, body=body)[: -len(body) // 2])
        await until(lambda: any((service.folder / "images" / ".staging").iterdir()))
        await erase(service)
        await line.say(body[-(len(body) // 2) :])
        answer = await line.reader.readuntil(b"\r\n")

    assert b" 409 " in answer
    await assert_nothing_is_left(service)


async def test_an_answer_is_stopped_at_once(service: Service, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour(answer="One two three", holds_after=2))
    events, _ = await begun(await say(service.http))
    await erase(service)
    async with asyncio.timeout(0.4):
        await ollama.left()
        rest = [event.name async for event in events if event.name != "ping"]

    assert rest == ["done"]
    assert await sessions(service.http) == []


async def test_who_was_erased_can_begin_again_at_once(service: Service, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour())
    await erase(service)
    uploaded = await upload(service, png(), "image/png")
    events = await said(service, "Look", images=[data_uri(png())])

    assert uploaded.status == 201
    assert [event.name for event in events][-1] == "done"
    assert len(await service.graph.adapters.images.page(UserId("ana"), after=None, limit=9)) == 2

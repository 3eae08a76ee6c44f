"""A client that ends its side once it has asked still gets every answer, and then the connection ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.pictures import noise_png
from tests.support.raw import connected, request
from tests.support.service import Service
from tests.support.still import PICTURE, host, promise, still

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = "/v1/images/hosted/ana/pic"
LARGE = noise_png(3_000_000)
BODY = b'{"user_id": "ana"}'
TOKEN = request("POST", "/v1/tokens", "Content-Type: application/json", body=BODY)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with still(tmp_path_factory.mktemp("half"), CAPTURE_READ_WAIT="0.1") as running:
        await host(running)
        await host(running, "large", content=LARGE)
        await promise(running, "later")
        yield running


async def all_after(service: Service, *pieces: bytes) -> bytes:
    """Say *pieces*, end that side, and return all that comes."""
    async with connected(service) as line:
        for piece in pieces:
            await line.say(piece)
            await asyncio.sleep(0.01)  # so that they are pieces
        line.end()
        return await line.reader.read()


@pytest.mark.parametrize("number", range(4))
async def test_an_image_arrives_hot_or_not(service: Service, number: int) -> None:
    answer = await all_after(service, request("GET", f"{URL}?n={number // 2}"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(PICTURE)


@pytest.mark.parametrize("number", range(3))
async def test_a_large_image_arrives_whole(service: Service, number: int) -> None:
    answer = await all_after(service, request("GET", f"/v1/images/hosted/ana/large?n={number // 2}"))
    assert answer.endswith(LARGE)


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/openapi.json", "/v1/images/hosted/ana/later"])
async def test_whatever_was_asked_for_arrives(service: Service, path: str) -> None:
    answer = await all_after(service, request("GET", path))
    assert (answer[:9], answer.count(b"HTTP/1.1 ")) == (b"HTTP/1.1 ", 1)


async def test_a_body_that_has_come_counts(service: Service) -> None:
    assert (await all_after(service, TOKEN)).startswith(b"HTTP/1.1 201 ")


@pytest.mark.parametrize("apart", [False, True], ids=["in one piece", "in pieces"])
async def test_all_that_was_asked_is_answered_in_order(service: Service, *, apart: bool) -> None:
    asked = [request("GET", "/v1/images/hosted/ana/later"), request("GET", "/livez"), request("GET", "/nowhere"), TOKEN]
    answers = await all_after(service, *(asked if apart else [b"".join(asked)]))
    statuses = [answer[:3] for answer in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses in ([b"503", b"200", b"404", b"201"], [b"307", b"200", b"404", b"201"])


@pytest.mark.parametrize("part", [b"", b"GET /liv", TOKEN[:-1], request("GET", "/livez")[:-2]])
async def test_what_is_not_all_there_is_not_waited_for(service: Service, part: bytes) -> None:
    async with asyncio.timeout(1):
        assert await all_after(service, part) == b""


async def test_half_a_request_behind_a_whole_one_is_none(service: Service) -> None:
    answers = await all_after(service, request("GET", "/livez") + b"GET /liv")
    assert answers.count(b"HTTP/1.1 ") == 1


async def test_nobody_is_troubled(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with still(tmp_path) as service:
        for _ in range(3):
            await all_after(service, request("GET", "/livez"))
        text = await (await service.http.get("/metrics")).text()
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR", "INFO"}] == []
    assert 'status="gone"' not in text

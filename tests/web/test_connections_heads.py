"""How long the head of a request is waited for, and what becomes of a connection that says nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.problems import assert_problem
from tests.support.raw import Line, connected, exchange, request
from tests.support.service import Service
from tests.support.still import promise, still

HALF = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: "
STARTS = {
    "one letter": b"G",
    "half a line": b"GET /liv",
    "a line": b"GET /livez HTTP/1.1\r\n",
    "half a field": HALF,
    "all but the last byte": request("GET", "/livez")[:-1],
    "a blank line": b"\r\n",
}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, REQUEST_HEAD_SECONDS="0.2") as running:
        yield running


async def drip(line: Line, data: bytes) -> None:
    """Send *data* byte by byte, until the other end is gone."""
    try:
        for byte in data:
            await line.say(bytes([byte]))
            await asyncio.sleep(0.02)
    except ConnectionError:
        return


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
async def test_a_head_that_stops_is_408(service: Service, start: bytes) -> None:
    async with connected(service) as line:
        await line.say(start)
        reply = await line.hear()
        assert_problem(408, reply.headers, reply.json())
        assert await line.is_closed()


async def test_a_late_head_is_told_what_happened(service: Service) -> None:
    reply = await exchange(service, HALF)
    assert_problem(408, reply.headers, reply.json(), code="request_timeout")
    assert reply.json()["retryable"] is True
    assert reply.headers["Connection"] == "close"
    assert "no-store" in reply.headers["Cache-Control"]


async def test_a_dripping_head_gets_no_longer_than_a_silent_one(service: Service) -> None:
    async with connected(service) as line:
        dripping = asyncio.create_task(drip(line, HALF + b"x" * 1000))
        assert (await line.hear()).status == 408
        assert await line.is_closed()
        dripping.cancel()


async def test_a_new_connection_that_says_nothing_is_closed_without_a_word(service: Service) -> None:
    async with connected(service) as line:
        assert await line.is_closed()


async def test_an_idle_connection_is_kept_for_longer(service: Service) -> None:
    async with connected(service) as line:
        for _ in range(2):
            await line.say(request("GET", "/livez"))
            assert (await line.hear()).status == 200
            await asyncio.sleep(0.3)  # idle for longer than the head's deadline: that it passes is what is tested
        await line.say(request("GET", "/livez"))
        assert (await line.hear()).status == 200


async def test_the_head_of_a_later_request_has_the_same_deadline(service: Service) -> None:
    async with connected(service) as line:
        await line.say(request("GET", "/livez"))
        assert (await line.hear()).status == 200
        await line.say(HALF)
        assert (await line.hear()).status == 408
        assert await line.is_closed()


async def test_what_was_asked_before_a_late_head_is_answered(service: Service) -> None:
    async with connected(service) as line:
        await line.say(request("GET", "/livez") + request("GET", "/nowhere"))
        await line.say(HALF)
        assert [(await line.hear()).status for _ in range(2)] == [200, 404]
        await line.say(b"x")
        assert (await line.hear()).status == 408


async def test_a_head_that_came_in_one_piece_with_a_request_is_late_though_nothing_follows(service: Service) -> None:
    async with connected(service) as line:
        await line.say(request("GET", "/livez") + HALF)
        replies = [await line.hear() for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 408]
        assert replies[1].version == "HTTP/1.1"
        assert await line.is_closed()


async def test_a_head_that_is_late_while_another_is_answered_is_refused_after_it(tmp_path: Path) -> None:
    async with still(tmp_path, REQUEST_HEAD_SECONDS="0.1", CAPTURE_READ_WAIT="0.4") as service:
        await promise(service, "later")
        async with connected(service) as line:
            await line.say(request("GET", "/v1/images/hosted/ana/later") + HALF)
            assert (await line.hear()).status in {307, 503}
            assert (await line.hear()).status == 408


async def test_a_head_that_ends_while_another_is_answered_is_in_time(tmp_path: Path) -> None:
    async with still(tmp_path, REQUEST_HEAD_SECONDS="0.1", CAPTURE_READ_WAIT="0.4") as service:
        await promise(service, "later")
        async with connected(service) as line:
            await line.say(request("GET", "/v1/images/hosted/ana/later") + HALF)
            await asyncio.sleep(0.03)  # so that it comes in a piece of its own, and in time
            await line.say(b"x\r\n\r\n")
            assert (await line.hear()).status in {307, 503}
            assert (await line.hear()).status == 200


async def test_a_head_in_pieces_is_in_time_if_its_end_is(tmp_path: Path) -> None:
    async with still(tmp_path, REQUEST_HEAD_SECONDS="5") as patient, connected(patient) as line:
        for piece in (b"GET /livez HT", b"TP/1.1\r\nHo", b"st: 127.0.0.1\r", b"\n\r\n"):
            await line.say(piece)
            await asyncio.sleep(0.01)
        assert (await line.hear()).status == 200


async def test_a_body_is_none_of_the_heads_business(service: Service) -> None:
    async with connected(service) as line:
        await line.say(request("POST", "/v1/tokens", "Content-Type: application/json", "Content-Length: 18"))
        await drip(line, b'{"user_id": "ana"}')
        assert (await line.hear()).status == 201
        await line.say(request("GET", "/livez"))
        assert (await line.hear()).status == 200


async def test_late_heads_are_no_trouble_to_the_operator(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    for start in STARTS.values():
        await exchange(service, start)
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []

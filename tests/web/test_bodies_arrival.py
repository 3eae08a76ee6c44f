"""Bodies on the wire: too large, too slow, badly framed, announced and not sent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.problems import assert_problem
from tests.support.raw import connected, exchange, request
from tests.support.service import Service
from tests.support.still import still

HEAD = b"POST /v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
RIGHT = b'{"user_id": "ana"}'
MIB = 2**20


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, REQUEST_MAX_MB="1", REQUEST_BODY_SECONDS="0.3") as running:
        yield running


@pytest.mark.parametrize("length", [MIB + 1, 10**12, 10**18])
async def test_too_long_a_body_is_refused_before_any_of_it(service: Service, length: int) -> None:
    reply = await exchange(service, HEAD + b"Content-Length: %d\r\n\r\n" % length)
    assert_problem(413, reply.headers, reply.json(), code="too_large")


async def test_a_body_of_exactly_the_limit_is_read(service: Service) -> None:
    body = RIGHT + b" " * (MIB - len(RIGHT))
    assert (await exchange(service, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)).status == 201


async def test_a_chunked_body_is_refused_once_it_is_too_long(service: Service) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    async with connected(service) as line:
        await line.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17)
        reply = await line.hear()
    assert_problem(413, reply.headers, reply.json(), code="too_large")


async def test_a_chunked_body_is_as_good_as_any(service: Service) -> None:
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in RIGHT) + b"0\r\n\r\n"
    assert (await exchange(service, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)).status == 201


@pytest.mark.parametrize("sent", [b"", RIGHT[:5]], ids=["none of it", "half of it"])
async def test_a_body_that_stops_is_given_up(service: Service, sent: bytes) -> None:
    reply = await exchange(service, HEAD + b"Content-Length: 18\r\n\r\n" + sent)
    assert_problem(408, reply.headers, reply.json(), code="request_timeout")
    assert reply.json()["retryable"] is True


async def test_a_dripping_body_gets_no_longer_than_a_silent_one(service: Service) -> None:
    async with connected(service) as line:
        await line.say(HEAD + b"Content-Length: 1000\r\n\r\n")
        hearing = asyncio.create_task(line.hear())
        while not hearing.done():
            await line.say(b" ")
            await asyncio.sleep(0.02)
        assert (await hearing).status == 408


async def test_after_a_refusal_the_rest_of_a_body_is_no_request(service: Service) -> None:
    async with connected(service) as line:
        await line.say(HEAD + b"Content-Length: %d\r\n\r\n" % (2 * MIB))
        assert (await line.hear()).status == 413
        await line.say(request("GET", "/livez").ljust(2 * MIB))
        await line.say(request("GET", "/nowhere"))
        assert (await line.hear()).status == 404


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\n{}\r\n0\r\n\r\n",
        b"-1\r\n",
        b"1\r\n{}\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\n",
        b"2;\x00\r\n{}\r\n",
        b"\r\n",
    ],
    ids=["no number", "negative", "too short", "too large", "a bad extension", "empty"],
)
async def test_bad_chunks_are_400_and_the_end_of_the_connection(service: Service, chunks: bytes) -> None:
    async with connected(service) as line:
        await line.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        reply = await line.hear()
        assert_problem(400, reply.headers, reply.json(), code="malformed_request")
        assert await line.is_closed()


async def test_bad_chunks_that_come_late_wait_for_the_deadline_at_most(service: Service) -> None:
    async with connected(service) as line:
        await line.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
        await asyncio.sleep(0.02)
        await line.say(b"zz\r\n")
        reply = await line.hear()
    assert reply.status in {400, 408}
    assert_problem(reply.status, reply.headers, reply.json())


async def test_a_client_that_waits_is_told_to_go_on(service: Service) -> None:
    async with connected(service) as line:
        await line.say(HEAD + b"Content-Length: 18\r\nExpect: 100-continue\r\n\r\n")
        assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await line.say(RIGHT)
        assert (await line.hear()).status == 201


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Content-Length: 9999999\r\n", 413),
        (b"Content-Length: 9\r\nContent-Encoding: gzip\r\n", 415),
        (b"Content-Length: 9\r\nAuthorization: Bearer wrong\r\n", 401),
    ],
    ids=["too large", "encoded", "without a key"],
)
async def test_a_client_that_waits_is_refused_without_its_body(service: Service, fields: bytes, status: int) -> None:
    reply = await exchange(service, HEAD + fields + b"Expect: 100-continue\r\n\r\n")
    assert (reply.status, reply.interim) == (status, ())


@pytest.mark.parametrize("path", [b"/v1/tokens", b"/nowhere"])
async def test_other_expectations_are_417(service: Service, path: bytes) -> None:
    reply = await exchange(service, HEAD.replace(b"/v1/tokens", path) + b"Expect: miracles\r\n\r\n")
    assert_problem(417, reply.headers, reply.json(), code="expectation_failed")
    assert b"miracles" not in reply.body


async def test_a_client_that_leaves_in_the_middle_troubles_nobody(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(service) as line:
        await line.say(HEAD + b"Content-Length: 18\r\n\r\n{")
        await asyncio.sleep(0.02)
    assert (await exchange(service, request("GET", "/livez"))).status == 200
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []

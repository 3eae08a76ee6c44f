"""Where a request ends: never in doubt, whoever reads along in front of us.

What could be read in two ways is refused, and its connection ends, so that what comes behind it is no request.
"""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.raw import Line, connected, exchange, request
from tests.support.service import Service
from tests.support.still import still

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /livez HTTP/1.1\r\n" + HOST
POST = b"POST /v1/tokens HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b'{"user_id": "ana"}'
CHUNK, END = b"12\r\n" + BODY + b"\r\n", b"0\r\n\r\n"
NEXT = request("GET", "/next", "Connection: close")

REFUSED = {
    "a bare line feed after the first line": b"GET /livez HTTP/1.1\n" + HOST + b"\r\n",
    "a bare line feed after a field": GET[:-2] + b"\n\r\n",
    "bare line feeds": b"GET /livez HTTP/1.1\nHost: 127.0.0.1\n\n",
    "bare returns": b"GET /livez HTTP/1.1\rHost: 127.0.0.1\r\r",
    "a space before the first field": b"GET /livez HTTP/1.1\r\n X: a\r\n" + HOST + b"\r\n",
    "a fold": GET + b"A: b\r\n c\r\n\r\n",
    "a space in a name": GET + b"A B: a\r\n\r\n",
    "no name": GET + b": a\r\n\r\n",
    "a bracket in a name": GET + b"A(: a\r\n\r\n",
    "a delete in a value": GET + b"A: a\x7f\r\n\r\n",
    "tabs in the first line": b"GET\t/livez\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "a space at its end": b"GET /livez HTTP/1.1 \r\n" + HOST + b"\r\n",
    "only an authority": b"GET 127.0.0.1:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space before the coding's colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + END,
    "a coding almost right": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + END,
    "a coding with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + END,
    "a coding in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + END,
    "a coding and no coding": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + END,
    "a coding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
    "an empty coding": POST + b"Transfer-Encoding: \r\n\r\n" + END,
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n" + END,
    "chunks in HTTP/1.0": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNK + END,
    "chunks and a length": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
    "a length with a sign": POST + b"Content-Length: +18\r\n\r\n" + BODY,
    "a list of lengths": POST + b"Content-Length: 18, 18\r\n\r\n" + BODY,
    "a length twice": POST + b"Content-Length: 18\r\nContent-Length: 18\r\n\r\n" + BODY,
    "a length with an underscore": POST + b"Content-Length: 1_8\r\n\r\n" + BODY,
    "a length with a space": POST + b"Content-Length: 1 8\r\n\r\n" + BODY,
    "a length beyond all numbers": POST + b"Content-Length: 99999999999999999999999\r\n\r\n" + BODY,
    "a length in other digits": POST + "Content-Length: ١٨\r\n\r\n".encode() + BODY,
    "an empty length": POST + b"Content-Length:\r\n\r\n",
    "a chunk's size with a prefix": CHUNKED + b"0x" + CHUNK + END,
    "a chunk's size with a sign": CHUNKED + b"+" + CHUNK + END,
    "a negative chunk": CHUNKED + b"-" + CHUNK + END,
    "a chunk's size with a space": CHUNKED + b"12 \r\n" + BODY + b"\r\n" + END,
    "a chunk's size beyond all numbers": CHUNKED + b"100000000000000" + CHUNK + END,
    "a line feed in a chunk's extension": CHUNKED + b"12;a\n" + BODY + b"\r\n" + END,
    "a line feed after a chunk's size": CHUNKED + b"12\n" + BODY + b"\r\n" + END,
    "a line feed after a chunk": CHUNKED + b"12\r\n" + BODY + b"\n" + END,
    "a line feed after the last chunk": CHUNKED + CHUNK + b"0\r\n\n",
    "a chunk longer than its size": CHUNKED + b"11\r\n" + BODY + b"\r\n" + END,
    "a length behind the chunks": CHUNKED + CHUNK + b"0\r\nContent-Length: 5\r\n\r\n",
    "a fold behind the chunks": CHUNKED + CHUNK + b"0\r\nA: b\r\n c\r\n\r\n",
}
SOUND = {
    "a plain request": (GET + b"\r\n", 200),
    "an empty line before it": (b"\r\n" + GET + b"\r\n", 200),
    "an absolute target": (b"GET http://127.0.0.1/livez HTTP/1.1\r\n" + HOST + b"\r\n", 200),
    "another host's target": (b"GET http://evil.example/livez HTTP/1.1\r\n" + HOST + b"\r\n", 421),
    "a fragment": (b"GET /livez#a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "another scheme": (b"GET ftp://127.0.0.1/livez HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a user in the target": (b"GET http://ana@127.0.0.1/livez HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a body of no use": (GET + b"Content-Length: 4\r\n\r\nGET ", 200),
    "a length with zeros": (POST + b"Content-Length: 0018\r\n\r\n" + BODY, 201),
    "chunks": (CHUNKED + CHUNK + END, 201),
    "chunks by another spelling": (CHUNKED.replace(b": chunked", b":\tCHUNKED") + CHUNK + END, 201),
    "a chunk's size with zeros": (CHUNKED + b"000" + CHUNK + END, 201),
    "a chunk's extension": (CHUNKED + b"12;a=b\r\n" + BODY + b"\r\n" + END, 201),
    "a field behind the chunks": (CHUNKED + CHUNK + b"0\r\nA: b\r\n\r\n", 201),
    "a coding we do not know": (CHUNKED.replace(b"chunked", b"gzip, chunked") + CHUNK + END, 415),
    "a method we do not have": (GET.replace(b"GET", b"PROPFIND") + b"\r\n", 405),
    "a trace": (GET.replace(b"GET", b"TRACE") + b"\r\n", 405),
    "all of the server": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 404),
}
SPLINTERS = (b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b"0", b",", b";")
UPGRADES = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    "websocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\n\r\n",
    "something": b"Connection: upgrade\r\nUpgrade: something/1\r\n\r\n",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    settings = {"REQUEST_HEAD_SECONDS": "0.2", "REQUEST_BODY_SECONDS": "0.2", "MAX_CONNECTIONS_PER_ADDRESS": "0"}
    async with still(tmp_path_factory.mktemp("framing"), **settings) as running:
        yield running


async def answers(line: Line) -> list[int]:
    """Return the statuses of all answers until the other end closes."""
    statuses = []
    while True:
        try:
            statuses.append((await line.hear()).status)
        except (asyncio.IncompleteReadError, ConnectionError):
            return statuses


async def answered(service: Service, data: bytes) -> list[int]:
    async with connected(service) as line:
        await line.say(data + NEXT)
        return await answers(line)


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
async def test_what_can_be_read_in_two_ways_is_refused_with_all_behind_it(service: Service, data: bytes) -> None:
    assert await answered(service, data) == [400]


@pytest.mark.parametrize(("data", "status"), SOUND.values(), ids=SOUND)
async def test_what_is_sound_ends_where_it_says(service: Service, data: bytes, status: int) -> None:
    assert await answered(service, data) == [status, 404]


@pytest.mark.parametrize("fields", UPGRADES.values(), ids=UPGRADES)
async def test_nothing_behind_an_upgrade_is_answered_in_its_place(service: Service, fields: bytes) -> None:
    assert await answered(service, GET + fields) == [200]


async def test_a_chunk_that_never_ends_is_given_up(service: Service) -> None:
    async with connected(service) as line:
        await line.say(CHUNKED + b"7fffffffffffffff\r\n" + BODY)
        assert await answers(line) == [408]


def mutated(chance: random.Random) -> bytes:
    """Return one of the requests above with something of it lost, doubled, swapped or replaced."""
    data = bytearray(chance.choice([*REFUSED.values(), *(data for data, _ in SOUND.values())]))
    for _ in range(chance.randint(1, 3)):
        at, length = chance.randrange(len(data)), chance.randint(1, 8)
        piece = data[at : at + length]
        data[at : at + length] = chance.choice(
            [
                b"",
                piece * 2,
                piece[::-1],
                piece.swapcase(),
                chance.choice([b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":"]),
            ]
        )
    return bytes(data)


@pytest.mark.parametrize("seed", range(8))
async def test_no_mutation_is_an_error_of_ours_or_left_hanging(
    service: Service, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(seed)
    found = await asyncio.gather(*(answered(service, mutated(chance)) for _ in range(60)))

    assert [statuses for statuses in found if not statuses or max(statuses) >= 500] == []
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []
    assert (await exchange(service, request("GET", "/livez"))).status == 200

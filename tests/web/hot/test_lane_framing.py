"""Where a hot request begins and ends: the lane answers nothing that the parser would refuse or read otherwise."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devkit.clock import FakeClock
from tests.support.pictures import noise_png
from tests.support.raw import Line, Reply, connected, request
from tests.support.service import Service
from tests.support.still import PICTURE, host, promise, still
from tests.web.hot.both_ways import URL, Watch, ask, heat

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGE = noise_png(3_000_000)
HOT = request("GET", URL)
LINE, HOST = f"GET {URL} HTTP/1.1\r\n".encode(), b"Host: 127.0.0.1\r\n"
HEAD = LINE + HOST
POST = (
    b"POST /v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 18\r\n\r\n{"user_id": "ana"}'
)
ODD = {
    "a bare line feed": (HEAD[:-2] + b"\n\r\n", 400),
    "bare line feeds": (HEAD.replace(b"\r\n", b"\n") + b"\n", 400),
    "a fold": (HEAD + b"A: b\r\n c\r\n\r\n", 400),
    "a fold of nothing": (HEAD + b"A: b\r\n \r\n\r\n", 400),
    "a null": (HEAD + b"A: b\0c\r\n\r\n", 400),
    "a return in a value": (HEAD + b"A: b\rc\r\n\r\n", 400),
    "a delete": (HEAD + b"A: b\x7f\r\n\r\n", 400),
    "a space before a colon": (LINE + b"Host : 127.0.0.1\r\n\r\n", 400),
    "a small method": (HEAD.replace(b"GET", b"get") + b"\r\n", 400),
    "two spaces": (HEAD.replace(b" HTTP", b"  HTTP") + b"\r\n", 200),
    "no version": (b"GET " + URL.encode() + b"\r\n" + HOST + b"\r\n", 400),
    "a later version": (HEAD.replace(b"HTTP/1.1", b"HTTP/1.2") + b"\r\n", 400),
    "no host": (LINE + b"A: b\r\n\r\n", 400),
    "two hosts": (HEAD + HOST + b"\r\n", 400),
    "a host that is none": (LINE + b"Host: a/b\r\n\r\n", 400),
    "another host": (LINE + b"Host: evil.example\r\n\r\n", 421),
    "another host in the target": (HEAD.replace(b"GET /", b"GET http://evil.example/") + b"\r\n", 421),
    "our host in the target": (HEAD.replace(b"GET /", b"GET http://127.0.0.1/") + b"\r\n", 200),
    "a fragment": (HEAD.replace(b"pic", b"pic#a") + b"\r\n", 400),
    "an old version": (HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n", 200),
    "the last request": (HEAD + b"Connection: close\r\n\r\n", 200),
    "a body": (HEAD + b"Content-Length: 3\r\n\r\nabc", 200),
    "no body": (HEAD + b"Content-Length: 0\r\n\r\n", 200),
    "a body of chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200),
    "an unknown coding": (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 415),
    "an encoding": (HEAD + b"Content-Encoding: gzip\r\n\r\n", 415),
    "a great expectation": (HEAD + b"Expect: wonders\r\n\r\n", 417),
    "an expectation": (HEAD + b"Expect: 100-continue\r\n\r\n", 200),
    "an upgrade": (HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", 200),
    "letters beyond ASCII": (HEAD + b"A: \xc3\xa9\r\n\r\n", 200),
    "an escape": (HEAD.replace(b"pic", b"%70ic") + b"\r\n", 200),
    "a dot in the path": (HEAD.replace(b"ana/", b"ana/./") + b"\r\n", 404),
    "a long head": (HEAD + b"A: " + b"b" * 5000 + b"\r\n\r\n", 200),
    "too long a head": (HEAD + b"A: " + b"b" * 9000 + b"\r\n\r\n", 400),
    "many fields": (HEAD + b"A: b\r\n" * 100 + b"\r\n", 200),
    "an empty line before": (b"\r\n" + HOT, 200),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with still(tmp_path_factory.mktemp("framing"), clock=FakeClock(), RATE_LIMIT_READS="") as running:
        await host(running)
        await host(running, "large", content=LARGE)
        await heat(running)
        await heat(running, URL.replace("pic", "large"))
        yield running


async def all_of(line: Line) -> list[Reply]:
    """Return the answers until the other end closes; all are to GET."""
    replies = []
    while True:
        try:
            replies.append(await line.hear())
        except (asyncio.IncompleteReadError, ConnectionError):
            return replies


def statuses(replies: list[Reply]) -> list[int]:
    return [reply.status for reply in replies]


async def heard(watch: Watch, count: int) -> None:
    """Wait until the service has been told so many pieces."""
    async with asyncio.timeout(5):
        while len(watch.taken) < count:  # noqa: ASYNC110 (the lane wakes nobody)
            await asyncio.sleep(0.001)


async def test_a_hot_request_is_answered_by_the_lane(service: Service, watch: Watch) -> None:
    watch.taken.clear()
    async with connected(service) as line:
        bodies = [(await ask(line, HOT)).body for _ in range(3)]
    assert (watch.taken, bodies) == ([True] * 3, [PICTURE] * 3)


@pytest.mark.parametrize(("data", "status"), ODD.values(), ids=ODD)
async def test_what_is_odd_goes_the_long_way(service: Service, watch: Watch, data: bytes, status: int) -> None:
    watch.taken.clear()
    async with connected(service) as line:
        await line.say(data)
        reply = await line.hear()
    assert (reply.status, any(watch.taken)) == (status, False)


@pytest.mark.parametrize("name", sorted(ODD.keys() - {"the last request"}))
async def test_what_is_odd_ends_where_the_parser_says(service: Service, watch: Watch, name: str) -> None:
    data = ODD[name][0] + HOT + request("GET", "/last", "Connection: close")
    found = []
    for before in (HOT, POST):  # once over, a body has the parser read all that follows
        async with connected(service) as line:
            await ask(line, before)
            watch.taken.clear()
            await line.say(data)
            found.append([(reply.status, reply.body) for reply in await all_of(line)])
            assert not any(watch.taken)
    assert found[0] == found[1]


@pytest.mark.parametrize("at", range(1, len(HOT), 7))
async def test_a_head_in_two_pieces_is_the_parsers_and_the_next_is_not(service: Service, watch: Watch, at: int) -> None:
    watch.taken.clear()
    async with connected(service) as line:
        await line.say(HOT[:at])
        await heard(watch, 1)
        reply = await ask(line, HOT[at:])
        again = await ask(line, HOT)
    assert (reply.body, again.body) == (PICTURE, PICTURE)
    assert watch.taken == [False, True]


@pytest.mark.parametrize(
    "part",
    [
        b"GET /livez HTTP/1.1\r\nA: ",
        b"POST /v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000\r\n\r\n",
        b"POST /v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n",
        b"G",
    ],
    ids=["a field", "a body", "chunks", "an expected body", "a letter"],
)
async def test_a_hot_request_behind_a_part_of_another_is_part_of_that(
    service: Service, watch: Watch, part: bytes
) -> None:
    async with connected(service) as line:
        await ask(line, HOT)
        watch.taken.clear()
        await line.say(part)
        await heard(watch, 1)
        await line.say(HOT)
        await line.say(HOT)
        assert (await line.hear()).body != PICTURE
    assert not any(watch.taken)


async def test_requests_in_one_piece_are_answered_in_order(service: Service, watch: Watch) -> None:
    watch.taken.clear()
    async with connected(service) as line:
        await line.say(HOT + request("GET", "/nowhere") + HOT + HOT[:20])
        replies = [await line.hear() for _ in range(3)]
        await line.say(HOT[20:])
        replies.append(await line.hear())
    assert statuses(replies) == [200, 404, 200, 200]
    assert not any(watch.taken)


async def test_a_hot_request_waits_for_the_answer_before_it(tmp_path: Path, watch: Watch) -> None:
    async with still(tmp_path, CAPTURE_READ_WAIT="0.3") as service:
        await host(service)
        await promise(service, "later")
        await heat(service)
        watch.taken.clear()
        async with connected(service) as line:
            await line.say(request("GET", URL.replace("pic", "later")))  # which is waited for
            await heard(watch, 1)
            await line.say(HOT)
            first, second = await line.hear(), await line.hear()
            third = await ask(line, HOT)
    assert (first.status >= 300, second.body, third.body) == (True, PICTURE, PICTURE)
    assert watch.taken == [False, True]


async def test_a_body_of_json_is_no_request(service: Service, watch: Watch) -> None:
    watch.taken.clear()
    async with connected(service) as line:
        replies = [await ask(line, data) for data in (HOT, POST, HOT, POST, HOT)]
    assert statuses(replies) == [200, 201, 200, 201, 200]
    assert watch.taken == [True, False]  # then nobody is asked: the parser may hold something


async def test_requests_of_other_kinds_in_between_do_not_matter(service: Service, watch: Watch) -> None:
    watch.taken.clear()
    async with connected(service) as line:
        replies = [await ask(line, data) for data in (HOT, request("GET", "/livez"), HOT, request("GET", "/no"), HOT)]
    assert statuses(replies) == [200, 200, 200, 404, 200]
    assert watch.taken == [True, False, True, False, True]


async def test_a_request_behind_a_large_answer_is_answered_after_it(service: Service, watch: Watch) -> None:
    large = request("GET", URL.replace("pic", "large"))
    watch.taken.clear()
    async with connected(service) as line:
        await line.say(large)
        await heard(watch, 1)
        await line.say(HOT + large)
        bodies = [(await line.hear()).body for _ in range(3)]
    assert bodies == [LARGE, PICTURE, LARGE]
    assert watch.taken[0]

"""Large hot images over real connections: to slow readers, to those who leave, and while the service stops."""

import asyncio
import gc
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.pictures import noise_png
from tests.support.raw import connected, request
from tests.support.service import Service
from tests.support.still import PICTURE, host, still
from tests.support.waiting import until
from tests.web.hot.both_ways import URL, Watch, ask, heat

LARGE, MIDDLE = noise_png(12_000_000), noise_png(7_000_000)
PATHS = {"of a file": (URL.replace("pic", "large"), LARGE), "of memory": (URL.replace("pic", "middle"), MIDDLE)}
each_path = pytest.mark.parametrize(("path", "content"), PATHS.values(), ids=PATHS)


async def filled(service: Service) -> Service:
    for name, content in (("pic", PICTURE), ("large", LARGE), ("middle", MIDDLE)):
        await host(service, name, content=content)
        await heat(service, URL.replace("pic", name))
    return service


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, RATE_LIMIT_READS="", RESPONSE_STALL_SECONDS="5") as running:
        yield await filled(running)


@contextmanager
def slow(service: Service, *, holds: int = 4096) -> Iterator[socket.socket]:
    """Yield a connection whose own buffer holds next to nothing."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, holds)
        line.connect(("127.0.0.1", int(service.url.rpartition(":")[2])))
        line.setblocking(False)
        yield line


async def say(line: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(line, data)


async def hear(line: socket.socket, most: int | None = None) -> bytes:
    """Return what comes until the end, or *most* bytes of it, a little at a time."""
    received, loop = bytearray(), asyncio.get_running_loop()
    async with asyncio.timeout(20):
        while most is None or len(received) < most:
            chunk = await loop.sock_recv(line, 64 * 1024 if most is None else min(64 * 1024, most - len(received)))
            if not chunk:
                break
            received += chunk
            await asyncio.sleep(0)
    return bytes(received)


def memory() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@each_path
async def test_a_slow_reader_gets_every_byte(service: Service, watch: Watch, path: str, content: bytes) -> None:
    last = request("GET", URL, "Connection: close")
    with slow(service, holds=50_000) as line:
        await say(line, request("GET", path))
        first = await hear(line, 1000)
        assert watch.last()
        await say(line, last)
        head, _, rest = (first + await hear(line)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest[: len(content)] == content
    assert rest[len(content) :].partition(b"\r\n\r\n")[2] == PICTURE


@each_path
async def test_a_slow_reader_gets_every_part(service: Service, watch: Watch, path: str, content: bytes) -> None:
    ranges = request("GET", path, "Range: bytes=5-999999,-1000000,1200000-2000000")
    with slow(service, holds=50_000) as line:
        await say(line, ranges)
        start = await hear(line, 2000)
        assert watch.last()
        length = int(start.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        head, _, body = start.partition(b"\r\n\r\n")
        body += await hear(line, length - len(body))
    assert head.startswith(b"HTTP/1.1 206 ")
    for part in (content[5:1_000_000], content[-1_000_000:], content[1_200_000:2_000_001]):
        assert body.count(b"\r\n\r\n" + part + b"\r\n--") == 1
    assert len(body) == length


@each_path
async def test_whoever_leaves_in_the_middle_leaves_nothing_behind(service: Service, path: str, content: bytes) -> None:
    before = descriptors()
    for _ in range(10):
        with slow(service) as line:
            await say(line, request("GET", path))
            await hear(line, 5000)
    await until(lambda: descriptors() <= before, seconds=5)


async def test_a_file_that_shrinks_cuts_the_connection(service: Service, tmp_path: Path) -> None:
    before = descriptors()
    with slow(service) as line:
        await say(line, request("GET", PATHS["of a file"][0]))
        start = await hear(line, 5000)
        os.truncate(tmp_path / "images" / "ana" / "large.png", 100_000)
        assert len(start + await hear(line)) < len(LARGE)
    await until(lambda: descriptors() <= before, seconds=5)


async def test_what_leaves_memory_meanwhile_ends_well(service: Service, watch: Watch, tmp_path: Path) -> None:
    with slow(service) as line:
        await say(line, request("GET", PATHS["of memory"][0]))
        start = await hear(line, 5000)
        assert watch.lane is not None
        watch.lane._bodies.drop(str(tmp_path / "images" / "ana" / "middle.png"))
        assert (await service.http.delete(PATHS["of memory"][0])).status == 204
        body = start.partition(b"\r\n\r\n")[2]
        body += await hear(line, len(MIDDLE) - len(body))
    assert body == MIDDLE


@each_path
async def test_whoever_takes_nothing_of_a_hot_image_is_cut_off(
    tmp_path: Path, watch: Watch, caplog: pytest.LogCaptureFixture, path: str, content: bytes
) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="", RESPONSE_STALL_SECONDS="0.2") as service:
        await filled(service)
        with slow(service) as line:
            before = descriptors()
            await say(line, request("GET", path))
            await until(lambda: descriptors() > before)
            await until(lambda: descriptors() <= before, seconds=5)
            assert len(await hear(line)) < len(content)
        assert watch.last()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_a_hundred_slow_readers_cost_little(service: Service, watch: Watch) -> None:
    with_all = AsyncExitStack()
    async with with_all:
        lines = [with_all.enter_context(slow(service)) for _ in range(100)]
        before = memory()
        for line in lines:
            await say(line, request("GET", PATHS["of a file"][0]))
        for line in lines:
            await hear(line, 20_000)
        assert all(watch.taken[-100:])
        assert memory() - before < 20_000_000


async def test_others_are_served_while_somebody_is_slow(service: Service) -> None:
    with slow(service) as line:
        await say(line, request("GET", PATHS["of a file"][0]))
        await hear(line, 5000)
        async with connected(service) as other:
            assert [(await ask(other, request("GET", URL))).body for _ in range(3)] == [PICTURE] * 3


async def test_a_long_answer_is_no_idle_connection(service: Service, watch: Watch) -> None:
    with slow(service) as line:
        await say(line, request("GET", PATHS["of memory"][0]))
        start = await hear(line, 5000)
        protocol = connection_of(watch)
        protocol._next_keepalive_close_time = 0
        protocol._process_keepalive()
        assert protocol._next_keepalive_close_time > asyncio.get_running_loop().time() + 60
        protocol._next_keepalive_close_time = 0
        body = start.partition(b"\r\n\r\n")[2]
        body += await hear(line, len(MIDDLE) - len(body))
        assert body == MIDDLE
        # The wait for the next request begins when this one is answered.
        assert protocol._next_keepalive_close_time > asyncio.get_running_loop().time() + 60


def connection_of(watch: Watch) -> Any:
    assert watch.side is not None
    return watch.side.transport.get_protocol()


async def test_a_body_of_a_request_is_not_held_on_to(service: Service, watch: Watch) -> None:
    async with connected(service) as line:
        await ask(line, request("GET", URL))
        side = watch.side
        assert side is not None
        await ask(line, request("POST", "/v1/tokens", "Content-Type: application/json", body=b'{"user_id": "ana"}'))
        assert connection_of(watch).heard == b""


async def stopping(running: AsyncExitStack) -> float:
    """Stop the service and return how many seconds that took."""
    started = asyncio.get_running_loop().time()
    await running.aclose()
    return asyncio.get_running_loop().time() - started


@each_path
async def test_an_answer_under_way_ends_before_the_service_does(
    tmp_path: Path, watch: Watch, path: str, content: bytes
) -> None:
    running = AsyncExitStack()
    service = await filled(await running.enter_async_context(still(tmp_path, RATE_LIMIT_READS="")))
    with slow(service, holds=50_000) as line:
        await say(line, request("GET", path))
        start = await hear(line, 5000)
        assert watch.last()
        stop = asyncio.create_task(stopping(running))
        received = (start + await hear(line)).partition(b"\r\n\r\n")[2]
        assert await stop < 10
    assert received == content


async def test_an_answer_nobody_takes_does_not_keep_the_service(tmp_path: Path) -> None:
    before, running = descriptors(), AsyncExitStack()
    changes = {"RATE_LIMIT_READS": "", "SHUTDOWN_GRACE_SECONDS": "0.4"}
    service = await filled(await running.enter_async_context(still(tmp_path, **changes)))
    with slow(service) as line:
        await say(line, request("GET", PATHS["of a file"][0]))
        await hear(line, 5000)
        assert await stopping(running) < 3
        assert len(await hear(line)) < len(LARGE)
    assert descriptors() <= before

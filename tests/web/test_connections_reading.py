"""Clients that ask and do not read the answer: each is cut off, whatever it asked for, and costs little until then."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.pictures import noise_png
from tests.support.raw import exchange, request
from tests.support.service import Service
from tests.support.still import host, still

LARGE = 12_000_000


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, RESPONSE_STALL_SECONDS="0.5", RATE_LIMIT_READS="") as running:
        await host(running, "large", content=noise_png(LARGE))
        await host(running, "small", content=noise_png(100_000))
        yield running


@contextmanager
def connection(service: Service, *, holds: int = 4096) -> Iterator[socket.socket]:
    """Yield a connection whose own buffer holds next to nothing."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, holds)
        line.connect(("127.0.0.1", int(service.url.rpartition(":")[2])))
        line.setblocking(False)
        yield line


async def ask(line: socket.socket, data: bytes) -> None:
    """Send *data*, or as much of it as is taken before the other end is gone."""
    try:
        async with asyncio.timeout(10):
            await asyncio.get_running_loop().sock_sendall(line, data)
    except ConnectionError:
        return


async def is_cut(line: socket.socket) -> bool:
    """Tell whether the other end resets the connection, without having read any of the answer."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(10):
            while line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                await loop.sock_sendall(line, b"\r\n")
                await asyncio.sleep(0.05)
    except ConnectionError:
        return True
    return True


PATHS = {
    "a large image": ("/v1/images/hosted/ana/large", 1),
    "an archive": ("/v1/users/ana/images.zip", 1),
    "small images": ("/v1/images/hosted/ana/small", 200),
    "the description": ("/openapi.json", 200),
    "refusals": ("/nowhere", 20_000),
}


@pytest.mark.parametrize(("path", "times"), PATHS.values(), ids=PATHS)
async def test_whoever_takes_nothing_is_cut_off(
    service: Service, path: str, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    with connection(service) as line:
        await ask(line, request("GET", path) * times)
        assert await is_cut(line)
    assert (await exchange(service, request("GET", "/livez"))).status == 200
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


async def test_whoever_takes_it_slowly_is_served(service: Service) -> None:
    with connection(service, holds=100_000) as line:
        await ask(line, request("GET", "/v1/images/hosted/ana/large", "Connection: close"))
        received, loop = 0, asyncio.get_running_loop()
        while chunk := await loop.sock_recv(line, 100_000):
            received += len(chunk)
            await asyncio.sleep(0.005)
    assert received > LARGE


async def test_a_last_answer_nobody_takes_does_not_keep_its_connection_open(service: Service) -> None:
    with connection(service) as line:
        few = request("GET", "/openapi.json") * 100
        await ask(line, few + request("GET", "/openapi.json", "Connection: close"))
        assert await is_cut(line)

"""What one connection can make us hold: the answer under way, and no more."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from app.web.connections import Connections
from app.web.patience import Patience
from app.web.server import Runner

SIZE = 200_000


@asynccontextmanager
async def running(patience: Patience) -> AsyncIterator[web.AppRunner]:
    async def show(request: web.Request) -> web.Response:
        if "narrow" in request.query and request.transport is not None:
            request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        response = web.Response(body=bytes(int(request.match_info["size"])))
        if "close" in request.query:
            response.force_close()
        return response

    app = web.Application()
    app.router.add_get("/{size}", show)
    runner = Runner(app, connections=Connections(), patience=patience, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner
    finally:
        await runner.cleanup()


async def ask(
    runner: web.AppRunner, line: socket.socket, *, size: int = SIZE, times: int = 1, query: bytes = b""
) -> None:
    line.connect(runner.addresses[0])
    line.setblocking(False)
    data = b"GET /%d%b HTTP/1.1\r\nHost: a\r\n\r\n" % (size, query)
    await asyncio.get_running_loop().sock_sendall(line, data * times)


def untaken(runner: web.AppRunner) -> int:
    assert runner.server is not None
    (protocol,) = runner.server.connections
    assert protocol.transport is not None
    return protocol.transport.get_write_buffer_size()


async def until_full(runner: web.AppRunner) -> int:
    """Return what is held for a client that takes nothing, once that no longer grows."""
    held = [0]
    async with asyncio.timeout(5):
        while held[-1] == 0 or len(held) < 10 or held[-1] != held[-10]:
            await asyncio.sleep(0.01)
            held.append(untaken(runner) if runner.server and runner.server.connections else 0)
    return held[-1]


async def until_gone(runner: web.AppRunner) -> None:
    """Wait until a connection has come and gone."""
    assert runner.server is not None
    came = runner.server.requests_count > 0
    async with asyncio.timeout(5):
        while not came or runner.server.connections:
            came = came or bool(runner.server.connections)
            await asyncio.sleep(0.01)


async def test_pipelined_answers_wait_for_the_one_before_to_be_taken() -> None:
    async with running(Patience()) as runner:
        with socket.socket() as line:
            await ask(runner, line, times=200)
            assert 0 < await until_full(runner) <= SIZE + 1000


async def test_requests_nobody_waits_for_are_not_read() -> None:
    async with running(Patience()) as runner:
        with socket.socket() as line:
            await ask(runner, line, times=200)
            await until_full(runner)
            assert runner.server is not None
            (protocol,) = runner.server.connections
            assert len(protocol._messages) <= 32
            assert protocol.transport is not None
            assert not protocol.transport.is_reading()


async def test_each_slice_that_is_taken_earns_time_for_the_next() -> None:
    async with running(Patience(stall=1.0)) as runner:
        with socket.socket() as line:
            await ask(runner, line, size=8_000_000)
            received, loop = 0, asyncio.get_running_loop()
            started = loop.time()
            while received < 8_000_000:
                chunk = await loop.sock_recv(line, 65536)
                assert chunk
                received += len(chunk)
                await asyncio.sleep(0.015)
            assert loop.time() - started > 1.5


@pytest.mark.parametrize("closing", [b"", b"&close"], ids=["kept", "closing"])
async def test_however_little_nobody_takes_it_ends_its_connection(closing: bytes) -> None:
    async with running(Patience(stall=0.1)) as runner:
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await ask(runner, line, size=50_000, query=b"?narrow" + closing)
            await until_gone(runner)


async def test_a_silent_connection_is_forgotten() -> None:
    async with running(Patience(head=0.05)) as runner:
        assert runner.server is not None
        with socket.create_connection(runner.addresses[0]) as line:
            line.setblocking(False)
            assert await asyncio.get_running_loop().sock_recv(line, 1) == b""
        assert runner.server.connections == []

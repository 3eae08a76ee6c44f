"""Server-Sent Events over real connections: as they are written, kept alive, and given up."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientPayloadError, ClientSession, web

from app.web.connections import Connections
from app.web.patience import Patience
from app.web.server import Runner
from app.web.sse import ServerEvent, encode, send_events
from tests.support.events import Heard, hear, heard, parse

Source = Callable[["Stage"], AsyncGenerator[ServerEvent, None]]


@dataclass
class Stage:
    """A server that says what *source* says, and what becomes of that."""

    url: str = ""
    port: int = 0
    go: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def saying(
    source: Source, *, ping: float = 5.0, stall: float = 5.0
) -> AsyncIterator[tuple[Stage, ClientSession]]:
    stage = Stage()

    async def watched() -> AsyncGenerator[ServerEvent, None]:
        try:
            async for event in source(stage):
                yield event
        finally:
            stage.over.set()

    async def answer(request: web.Request) -> web.StreamResponse:
        return await send_events(request, watched(), ping_seconds=ping, stall_seconds=stall)

    app = web.Application()
    app.router.add_get("/", answer)
    runner = Runner(app, connections=Connections(), patience=Patience(stall=stall), shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stage.port = runner.addresses[0][1]
    stage.url = f"http://127.0.0.1:{stage.port}"
    try:
        async with ClientSession(stage.url) as http:
            yield stage, http
    finally:
        await runner.cleanup()


async def two(_: Stage) -> AsyncGenerator[ServerEvent, None]:
    yield ServerEvent("start", {"n": 1})
    yield ServerEvent("done", {"n": 2})


async def one_and_silence(stage: Stage) -> AsyncGenerator[ServerEvent, None]:
    yield ServerEvent("start", {})
    await stage.go.wait()
    yield ServerEvent("done", {})


async def endless(_: Stage) -> AsyncGenerator[ServerEvent, None]:
    while True:
        yield ServerEvent("token", {"content": "x" * 50_000})


async def broken(_: Stage) -> AsyncGenerator[ServerEvent, None]:
    yield ServerEvent("start", {})
    raise RuntimeError("a bug")


@pytest.mark.parametrize("text", ["", "a\nb\r\nc\rd", "\N{LINE SEPARATOR}", "日本語 🦉", ": no comment", "\x00", '"\\'])
def test_an_event_is_three_lines_whatever_it_says(text: str) -> None:
    block = encode(7, ServerEvent("token", {"content": text})).decode()

    assert block.endswith("\n\n")
    assert [line.partition(":")[0] for line in block.removesuffix("\n\n").split("\n")] == ["event", "id", "data"]
    assert parse(block.removesuffix("\n\n")) == Heard("token", "7", {"content": text})


def test_half_a_character_does_not_break_the_stream() -> None:
    assert json.loads(encode(1, ServerEvent("token", {"content": "\ud83d"})).decode().split("data: ")[1]) == {
        "content": "?"
    }


async def test_events_come_in_order_and_the_connection_stays() -> None:
    async with saying(two) as (_, http):
        for _ in range(2):
            response = await http.get("/")
            found = await heard(response)
            assert [(event.name, event.data) for event in found] == [("start", {"n": 1}), ("done", {"n": 2})]
            assert response.headers["Content-Type"] == "text/event-stream"
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Accel-Buffering"] == "no"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "Content-Encoding" not in response.headers
        assert http.connector is not None
        assert len(http.connector._conns) == 1


async def test_an_http_1_0_client_gets_them_until_the_connection_ends() -> None:
    async with saying(two) as (stage, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()

    assert b"chunked" not in head
    assert [parse(block).name for block in body.decode().removesuffix("\n\n").split("\n\n")] == ["start", "done"]


async def test_silence_is_filled_with_comments_and_outlasts_the_patience_with_readers() -> None:
    async with saying(one_and_silence, ping=0.02, stall=0.1) as (stage, http):
        said = []
        async for event in hear(await http.get("/")):
            said.append(event.name)
            if len(said) == 20:
                stage.go.set()

    assert (said[0], set(said[1:-1]), said[-1]) == ("start", {"ping"}, "done")


@pytest.mark.parametrize("way", ["closes", "resets"])
async def test_a_reader_that_leaves_is_noticed_while_nothing_is_said(way: str) -> None:
    async with saying(one_and_silence) as (stage, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"event: start")
        writer.transport.abort() if way == "resets" else writer.close()
        async with asyncio.timeout(0.5):
            await stage.over.wait()


async def test_a_reader_that_takes_nothing_is_given_up() -> None:
    async with saying(endless, stall=0.2) as (stage, _):
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.setblocking(False)
            await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", stage.port))
            line.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            async with asyncio.timeout(5):
                await stage.over.wait()


async def test_what_fails_on_our_side_is_cut_and_not_taken_for_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with saying(broken) as (_, http):
        with pytest.raises(ClientPayloadError):
            await (await http.get("/")).read()

    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["events cut short"]


async def test_a_shutdown_cuts_it_too() -> None:
    async with saying(one_and_silence) as (stage, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"event: start")
        assert not stage.over.is_set()

    assert b"0\r\n\r\n" not in await reader.read()
    assert stage.over.is_set()
    writer.close()

"""Hundreds of slow connections of every kind, and normal clients beside them: each of those is answered."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.pictures import noise_png
from tests.support.raw import Line, connected, exchange, request
from tests.support.service import Service
from tests.support.still import PICTURE, host, still

EACH = 60
IMAGE = request("GET", "/v1/images/hosted/ana/pic")
LARGE = request("GET", "/v1/images/hosted/ana/large")
POST = request("POST", "/v1/tokens", "Content-Type: application/json", "Content-Length: 100000")
SETTINGS = {
    "REQUEST_HEAD_SECONDS": "0.8",
    "REQUEST_BODY_SECONDS": "0.8",
    "RESPONSE_STALL_SECONDS": "0.8",
    "MAX_CONNECTIONS_PER_ADDRESS": "0",
    "RATE_LIMIT_READS": "",
    "RATE_LIMIT_WRITES": "",
}

Attack = Callable[[Line], Awaitable[None]]


async def drip(line: Line, start: bytes, more: bytes) -> None:
    """Say *start*, and *more* bit by bit for as long as the other end is there."""
    await line.say(start)
    while True:
        await asyncio.sleep(0.1)  # the pace of the attack: well within the deadline that it stretches
        await line.say(more)


async def slow_heads(line: Line) -> None:
    await drip(line, b"GET /livez HTTP/1.1\r\nHost: a\r\n", b"X-A: 1\r\n")


async def slow_bodies(line: Line) -> None:
    await drip(line, POST, b" ")


async def slow_chunks(line: Line) -> None:
    head = POST.replace(b"Content-Length: 100000", b"Transfer-Encoding: chunked")
    await drip(line, head, b"1\r\n \r\n")


async def slow_reads(line: Line) -> None:
    line.reader._transport.pause_reading()  # type: ignore[attr-defined]
    await drip(line, LARGE * 3, b"\r\n")


async def many_ranges(line: Line) -> None:
    ranges = ",".join(f"{start}-" for start in range(0, 4000, 7))
    head = request("GET", "/v1/images/hosted/ana/large", f"Range: bytes={ranges}")
    line.reader._transport.pause_reading()  # type: ignore[attr-defined]
    await drip(line, head, b"\r\n")


async def silence(line: Line) -> None:
    assert await line.is_closed()


async def half_a_line(line: Line) -> None:
    await line.say(b"GE")
    assert await line.hear()
    assert await line.is_closed()


ATTACKS: tuple[Attack, ...] = (slow_heads, slow_bodies, slow_chunks, slow_reads, many_ranges, silence, half_a_line)


async def attack(service: Service, how: Attack) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        async with connected(service) as line:
            await how(line)


async def served(service: Service, rounds: int) -> list[int]:
    """Return the statuses a normal client gets, one connection after the other."""
    statuses = []
    for _ in range(rounds):
        reply = await exchange(service, IMAGE)
        assert reply.body == PICTURE
        statuses.append(reply.status)
        await asyncio.sleep(0.05)
    return statuses


async def test_normal_clients_are_answered_while_slow_ones_come_and_go(tmp_path: Path) -> None:
    async with still(tmp_path, **SETTINGS) as service:
        await host(service, "pic")
        await host(service, "large", content=noise_png(4_000_000))
        async with asyncio.TaskGroup() as group:
            attacks = [group.create_task(attack(service, how)) for how in ATTACKS for _ in range(EACH)]
            clients = [group.create_task(served(service, 20)) for _ in range(5)]
        assert all(attack.done() for attack in attacks)
        assert [client.result() for client in clients] == [[200] * 20] * 5


async def test_every_place_that_slow_ones_took_is_free_again(tmp_path: Path) -> None:
    async with still(tmp_path, **SETTINGS, MAX_CONNECTIONS="50") as service:
        await host(service, "pic")
        async with asyncio.TaskGroup() as group:
            for _ in range(80):
                group.create_task(attack(service, slow_heads))
        assert await served(service, 3) == [200] * 3


@pytest.mark.skipif(sys.platform != "linux", reason="only there loopback is more than one address")
async def test_one_address_cannot_take_what_others_need(tmp_path: Path) -> None:
    there = asyncio.Semaphore(0)

    async def announced(line: Line) -> None:
        there.release()
        await slow_heads(line)

    async with still(tmp_path, **SETTINGS | {"MAX_CONNECTIONS_PER_ADDRESS": "20"}) as service:
        await host(service, "pic")
        port = int(service.url.rpartition(":")[2])
        async with asyncio.TaskGroup() as group:
            for _ in range(40):
                group.create_task(attack(service, announced))
            for _ in range(40):  # who is there first is accepted first
                await there.acquire()
            statuses = [await from_elsewhere(port) for _ in range(5)]
        assert statuses == [b"HTTP/1.1 200 OK\r\n"] * 5


async def from_elsewhere(port: int) -> bytes:
    """Return the status line that a client on another address gets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
    writer.write(IMAGE)
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.transport.abort()
    return line

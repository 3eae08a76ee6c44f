"""The same request twice: once as the fast lane answers it, once the long way."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from app.web.hot.lane import Lane
from app.web.hot.side import FastSide
from tests.support.raw import Line, Reply, connected, request
from tests.support.service import Service

URL = "/v1/images/hosted/ana/pic"
OWN = ("Date", "X-Request-Id")
"""What is of one answer only."""


@dataclass
class Watch:
    """What has passed by the fast lane of this process: of each request, whether it was answered there."""

    taken: list[bool] = field(default_factory=list)
    lane: Lane | None = None
    side: FastSide | None = None

    def last(self) -> bool:
        return self.taken[-1]


@contextmanager
def watching() -> Iterator[Watch]:
    """Look on while the real lane works."""
    watch, real = Watch(), Lane.answer

    def answer(lane: Lane, data: bytes, side: FastSide) -> bool:
        watch.lane, watch.side = lane, side
        watch.taken.append(real(lane, data, side))
        return watch.taken[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lane, "answer", answer)
        yield watch


async def ask(line: Line, data: bytes) -> Reply:
    """Send a request that is whole, and return what comes back."""
    await line.say(data)
    return await line.hear(has_body=not data.startswith(b"HEAD "))


async def rest_of(line: Line) -> bytes:
    """End the connection with a request of its own and return all that comes."""
    await line.say(request("GET", "/nowhere", "Connection: close"))
    return await line.reader.read()


async def alone(service: Service, data: bytes) -> Reply:
    """Return the answer to *data* on a connection of its own, and nothing else may come."""
    async with connected(service) as line:
        reply = await ask(line, data)
        rest = await rest_of(line)
        assert rest.startswith(b"HTTP/1.1 404 ")
        assert rest.count(b"HTTP/1.1") == 1
        return reply


async def long_way(service: Service, data: bytes) -> Reply:
    """As `alone`, with a field that means nothing and is too much for the lane."""
    return await alone(service, data.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n", 1))


async def heat(service: Service, path: str = URL, *, host: str = "127.0.0.1") -> None:
    """Have the lane know an image, and its body read where it is kept at all."""
    async with connected(service) as line:
        for _ in range(3):
            await ask(line, request("GET", path, host=host))
    await loaded()


async def loaded() -> None:
    """Wait for the bodies that are being read by threads."""
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    for _ in range(3):
        await asyncio.sleep(0)


def comparable(reply: Reply) -> tuple[str, int, list[tuple[str, str]], bytes]:
    fields = sorted((name, value) for name, value in reply.headers.items() if name not in OWN)
    return reply.version, reply.status, fields, reply.body

"""One connection to the service, spoken to in bytes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from multidict import CIMultiDict

from tests.support.service import Service

PATIENCE = 10.0


@dataclass(frozen=True)
class Reply:
    """A response as it came; *interim* are the statuses before it."""

    version: str
    status: int
    headers: CIMultiDict[str]
    body: bytes
    interim: tuple[int, ...]

    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """A client that believes `Content-Length` and nothing else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def end(self) -> None:
        """Say no more, and hear on."""
        self._writer.write_eof()

    async def hear(self, *, has_body: bool = True) -> Reply:
        interim: list[int] = []
        while True:
            version, status, headers = await self._head()
            if status >= 200:
                break
            interim.append(status)
        body = await self.reader.readexactly(int(headers.get("Content-Length", "0"))) if has_body else b""
        return Reply(version, status, headers, body, tuple(interim))

    async def is_closed(self) -> bool:
        """Tell whether nothing more comes: the other end has closed."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    async def _head(self) -> tuple[str, int, CIMultiDict[str]]:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        version, status, _ = lines[0].split(" ", 2)
        return version, int(status), CIMultiDict(line.split(": ", 1) for line in lines[1:])


@asynccontextmanager
async def connected(service: Service, *, host: str = "127.0.0.1") -> AsyncIterator[Line]:
    """Open a connection to *service*, and drop it in the end."""
    reader, writer = await asyncio.open_connection(host, int(service.url.rpartition(":")[2]))
    try:
        async with asyncio.timeout(PATIENCE):
            yield Line(reader, writer)
    finally:
        writer.transport.abort()


async def exchange(service: Service, data: bytes) -> Reply:
    """Send *data* on a connection of its own and return the answer."""
    async with connected(service) as line:
        await line.say(data)
        return await line.hear()


def request(method: str, path: str, *fields: str, body: bytes = b"", host: str = "127.0.0.1") -> bytes:
    """Return a request as bytes, its `Content-Length` right if it has a body."""
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *fields, *length, "", ""]).encode() + body

"""One connection, spoken to in bytes: what a client library would smooth over stays visible."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp.test_utils import TestServer
from multidict import CIMultiDict

PATIENCE = 20.0
"""Seconds after which an answer that does not end fails the test."""


@dataclass(frozen=True)
class Answer:
    """A response as it came."""

    version: str
    status: int
    reason: str
    headers: CIMultiDict[str]
    body: bytes


class Wire:
    """A client that believes `Content-Length` and nothing else, so that a wrong one garbles the next answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, method: str = "GET", *fields: tuple[str, str], version: str = "1.1") -> Answer:
        """Send one request and return its answer, whole."""
        await self.say(method, *fields, version=version)
        return await self.hear(method)

    async def say(self, method: str = "GET", *fields: tuple[str, str], version: str = "1.1") -> None:
        lines = [
            f"{method} /image HTTP/{version}",
            "Host: images.test",
            *(f"{name}: {value}" for name, value in fields),
        ]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        await self.writer.drain()

    async def hear(self, method: str = "GET") -> Answer:
        answer = await self.hear_head()
        has_body = method != "HEAD" and answer.status not in {204, 304}
        length = int(answer.headers["Content-Length"]) if has_body else 0
        body = await self.reader.readexactly(length)
        return Answer(answer.version, answer.status, answer.reason, answer.headers, body)

    async def hear_head(self) -> Answer:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        version, status, reason = lines[0].split(" ", 2)
        headers = CIMultiDict(line.split(": ", 1) for line in lines[1:])
        return Answer(version, int(status), reason, headers, b"")


@asynccontextmanager
async def connected(server: TestServer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """Open a connection to *server*, and drop it in the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=tls)
    try:
        async with asyncio.timeout(PATIENCE):
            yield Wire(reader, writer)
    finally:
        writer.transport.abort()

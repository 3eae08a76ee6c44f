"""The line between a process and its supervisor: a few words each way, and its end when either dies."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

log = logging.getLogger(__name__)

READY = b"ready\n"


@dataclass(frozen=True, slots=True)
class Gone:
    """A process that has died: what it held in the catalog, and its id."""

    owner: str
    pid: int

    def to_line(self) -> bytes:
        return f"gone {self.owner} {self.pid}\n".encode()


class Channel:
    """The process's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def ready(self) -> None:
        """Say that requests are answered from now on."""
        self._writer.write(READY)

    async def hear(self, on_gone: Callable[[Gone], Awaitable[None]]) -> None:
        """Pass on what the supervisor says; when it is gone, so are we, at once."""
        while line := await self._reader.readline():
            _, owner, pid = line.decode().split()
            try:
                await on_gone(Gone(owner, int(pid)))
            except Exception:
                log.exception("what a process held could not be released", extra={"pid": int(pid)})
        os.kill(os.getpid(), signal.SIGKILL)


@asynccontextmanager
async def channel(descriptor: int) -> AsyncIterator[Channel]:
    """Yield the end of the line that was inherited as *descriptor*."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    try:
        yield Channel(reader, writer)
    finally:
        writer.close()

"""A process, as its supervisor sees it."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress

from app.fleet.channel import READY, Gone
from app.fleet.seat import Seat


class Member:
    def __init__(self, seat: Seat, process: Process, reader: asyncio.StreamReader, line: asyncio.StreamWriter) -> None:
        self.seat = seat
        self.is_ready = False
        self._process = process
        self._reader = reader
        self._line = line

    @classmethod
    async def start(
        cls, seat: Seat, theirs: socket.socket, ours: socket.socket, environ: Mapping[str, str]
    ) -> "Member":
        """Start a fresh interpreter on *seat*; *theirs* and *ours* are the two ends of its line."""
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app", "serve", "--seat", seat.to_text()),
                env=environ,
                pass_fds=seat.inherited,
            )
        return cls(seat, process, *await asyncio.open_connection(sock=ours))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def gone(self) -> Gone:
        return Gone(self.seat.owner, self.pid)

    async def ready(self) -> bool:
        """Wait until it answers requests; False when it ends before."""
        with suppress(ConnectionError):
            self.is_ready = await self._reader.readline() == READY
        return self.is_ready

    async def ended(self) -> int:
        """Return its exit code once it has ended, negative for a signal."""
        return await self._process.wait()

    def tell(self, news: Gone) -> None:
        self._line.write(news.to_line())

    def signal(self, number: int) -> None:
        # Not `Process.send_signal`: it looks first whether the process has ended, and takes its status from asyncio.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def close(self) -> None:
        self._line.close()

    async def leave(self) -> bool:
        """Return, once it has ended, whether it did so as it was asked to."""
        code = await self.ended()
        self.close()
        # Before it is ready it may not know yet what a request to stop is, and has nothing in hand.
        return code == 0 or (not self.is_ready and code == -signal.SIGTERM)

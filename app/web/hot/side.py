"""The fast lane's side of one connection: when it may answer, and what it has not sent yet."""

import asyncio
import os
from contextlib import suppress

from app.web.hot.heads import is_whole
from app.web.hot.lane import Lane
from app.web.hot.pouring import Pour


class FastSide:
    """Told of everything a connection hears, before the parser is.

    Bytes may pass the parser by only while it holds no part of a request.  That cannot be asked of it, so it is
    counted along: it holds none as long as each piece that arrived was one whole request without a body.
    """

    def __init__(self, lane: Lane, transport: asyncio.Transport, address: str) -> None:
        self._lane = lane
        self._transport = transport
        self._socket: int = transport.get_extra_info("socket").fileno()
        self._address = address
        self._is_parser_empty = True
        self._pour: Pour | None = None
        self._finished: asyncio.Future[None] | None = None
        self.heard = b""
        """The request that is being answered the long way, as it came; empty if it is not sure which bytes it was."""

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    @property
    def address(self) -> str:
        return self._address

    @property
    def is_pouring(self) -> bool:
        return self._pour is not None and not self._pour.is_over

    def hear(self, data: bytes, *, is_idle: bool) -> bool:
        """Answer *data*, or return False: then it is the parser's.  *is_idle*: nothing is being answered."""
        if not self._is_parser_empty:
            self.heard = b""
            return False
        if is_idle and self._lane.answer(data, self):
            return True
        self._is_parser_empty = is_whole(data)
        self.heard = data if is_idle and self._is_parser_empty else b""
        return False

    def send(self, *pieces: bytes | memoryview) -> None:
        """Send what is small, past a transport that has nothing to send; what the socket does not take is its."""
        try:
            sent = os.writev(self._socket, pieces)
        except OSError:
            sent = 0  # full, or broken: the transport deals with both
        if sent < sum(map(len, pieces)):
            self._transport.write(b"".join(pieces)[sent:])

    def pour(self, pour: Pour) -> None:
        self._pour = pour
        self.go_on()
        if self._pour is not None:
            self._transport.pause_reading()

    def go_on(self) -> None:
        """The transport has got rid of what it had."""
        if self._pour is None or self._transport.get_write_buffer_size():
            return
        if self._pour.go_on():
            asyncio.get_running_loop().call_soon(self.go_on)
        elif self._pour.is_over:
            self._done()
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def close(self) -> None:
        """The connection is gone."""
        if self._pour is not None:
            self._pour.close()
            self._done()

    async def finish(self, seconds: float | None) -> None:
        """Wait up to *seconds* for the body that is being sent, and cut it then."""
        if self._pour is None:
            return
        self._finished = asyncio.get_running_loop().create_future()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._finished
        if self._pour is not None:
            self._pour.cut()

    def _done(self) -> None:
        self._pour = None
        if self._finished is not None and not self._finished.done():
            self._finished.set_result(None)

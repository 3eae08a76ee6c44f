"""The fast lane's side of one connection: what it has not sent yet."""

import asyncio
import os
from contextlib import suppress

from app.web.hot.lane import Lane
from app.web.hot.pouring import Pour


class FastSide:
    """Sends what the lane answers, past a transport that has nothing to send itself."""

    def __init__(self, lane: Lane, transport: asyncio.Transport, address: str) -> None:
        self._lane = lane
        self._transport = transport
        self._socket: int = transport.get_extra_info("socket").fileno()
        self._address = address
        self._pour: Pour | None = None
        self._finished: asyncio.Future[None] | None = None

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    @property
    def address(self) -> str:
        return self._address

    @property
    def is_pouring(self) -> bool:
        return self._pour is not None and not self._pour.is_over

    def answer(self, data: bytes) -> bool:
        """Answer *data*, which follows on whole requests that were all answered, or return False: then others do."""
        return self._lane.answer(data, self)

    def send(self, *pieces: bytes | memoryview) -> None:
        """Send what is small; what the socket does not take is the transport's to send."""
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

"""What is the same for all requests that are answered in one turn of the event loop.

All of them had come when the turn began, so that what is seen of a file in it is no older than any of them.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from app.domain.ports import Clock
from app.web.serving.dates import format_http_date


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One turn: the time it is, and the field that says so."""

    now: datetime
    second: int
    date: bytes


class Turns:
    """Tells which turn it is."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._current: Turn | None = None
        self._second = -1
        self._date = b""

    def current(self) -> Turn:
        return self._current or self._begin()

    def _begin(self) -> Turn:
        now = self._clock()
        second = int(now.timestamp())
        if second != self._second:
            self._second, self._date = second, b"Date: %b\r\n" % format_http_date(now).encode()
        self._current = Turn(now, second, self._date)
        # The loop gets to this before it looks for more bytes.
        asyncio.get_running_loop().call_soon(self._end)
        return self._current

    def _end(self) -> None:
        self._current = None

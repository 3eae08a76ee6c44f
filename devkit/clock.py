"""A clock that is moved by hand: an hour passes in one call.

A frozen clock stands still until it is advanced, which is what most tests want.  A ticking one also follows real
time, which is what a program run by a person wants.  Whoever waits, waits on the clock, so that both work alike.
"""

import asyncio
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FakeClock:
    """Callable as the wall clock.  Use it from one event loop."""

    def __init__(self, start: datetime | None = None, *, ticking: bool = False) -> None:
        self._ticking = ticking
        self._now = start or (datetime.now(UTC) if ticking else _START)
        self._origin = time.monotonic()
        self._elapsed = 0.0
        self._moved = asyncio.Event()

    def __call__(self) -> datetime:
        return self._now + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the seconds since the clock was made, jumps included."""
        real = time.monotonic() - self._origin if self._ticking else 0.0
        return real + self._elapsed

    def advance(self, seconds: float) -> datetime:
        """Move the clock on, wake whoever waits, and return the new time.  It never goes back."""
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError("a clock can only be moved forward")
        self._elapsed += seconds
        self.nudge()
        return self()

    def nudge(self) -> None:
        """Make every sleeper look again at what it waits for."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved on by *seconds*."""
        moment = self() + timedelta(seconds=seconds)
        await self.until(lambda: moment)

    async def until(self, moment: Callable[[], datetime]) -> None:
        """Wait for a moment that may itself change; `nudge` tells that it did."""
        while (left := (moment() - self()).total_seconds()) > 0:
            try:
                async with asyncio.timeout(left if self._ticking else None):
                    await self._moved.wait()
            except TimeoutError:
                continue

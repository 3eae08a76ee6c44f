"""How much a source may ask of us, and the clocks that measure it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.domain.ports import Clock, Monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Bytes and seconds.  *total_timeout* spans redirects and resumes; waiting for a free slot is not counted."""

    max_bytes: int
    max_fetches: int = 16
    """Fetches over the network at the same time."""
    connect_timeout: float = 10
    """For resolving a name, and again for each of its addresses, TLS included."""
    read_timeout: float = 30
    """Without a single byte."""
    total_timeout: float = 300
    min_rate: int = 16 * 1024
    """Bytes a second, over each *rate_window*."""
    rate_window: float = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Time and chance, from outside."""

    clock: Clock
    monotonic: Monotonic
    jitter: Callable[[], float]
    """A number from 0 up to 1."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class TooSlow(Exception):
    """A source sends, but not fast enough to be worth a connection."""


class Pace:
    """Judges a rate, window by window, counting only the time that was spent waiting for the source."""

    def __init__(self, *, min_rate: int, window: float) -> None:
        self._least = min_rate * window
        self._window = window
        self._bytes = 0
        self._seconds = 0.0

    def record(self, size: int, seconds: float) -> None:
        """Count *size* bytes that took *seconds* to come; raise `TooSlow` when a full window saw too few."""
        self._bytes += size
        self._seconds += seconds
        if self._seconds < self._window:
            return
        if self._bytes < self._least * self._seconds / self._window:
            raise TooSlow
        self._bytes, self._seconds = 0, 0.0

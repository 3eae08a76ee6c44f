"""How long a connection waits for its client."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from app.web.serving.sender import STALL


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The waits of one connection, in seconds."""

    head: float = 10.0
    """For the whole head of a request, from its first byte; for that byte, from when the connection was opened."""
    stall: float = STALL
    """For each slice of an answer to be taken."""
    # Longer than the proxies in front keep an idle connection, so that it is never us who closes it under a request.
    idle: float = 75.0
    """For the next request."""
    lingering: float = 2.0
    """For the rest of a body that was refused, so that the refusal is not lost to a reset."""


class Alarm:
    """Rings once, *seconds* after it is set, unless it is cleared before."""

    def __init__(self, seconds: float, ring: Callable[[], None]) -> None:
        self._seconds = seconds
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Start counting; while that goes on, setting it again changes nothing."""
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(self._seconds, self._fire)

    def clear(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        self._ring()

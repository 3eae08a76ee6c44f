"""How long to wait before asking again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Seconds that double from *first*, spread by half either way so that many clients do not ask in step."""

    attempts: int = 4
    first: float = 0.5
    longest_hint: float = 5.0
    """A provider that asks for more patience than this is not asked again by this call."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    """Returns from 0 up to 1."""

    def pause(self, attempt: int, hint: float | None) -> float | None:
        """Return how long to wait after the given *attempt*, counted from 1; None to give up."""
        if attempt >= self.attempts or (hint is not None and hint > self.longest_hint):
            return None
        spread = self.first * 2.0 ** (attempt - 1) * (0.5 + self.jitter())
        return spread if hint is None else max(hint, spread)

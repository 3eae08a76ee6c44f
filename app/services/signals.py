"""Wakes those who wait for a row to change.  Only a hint: whoever is woken reads the catalog.

What is announced in another process may not be heard here, so a wait without a signal looks again every second.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from app.domain.ids import GenerationId, ImageId, UserId
from app.domain.ports import Monotonic

_LOOK_AGAIN_SECONDS = 1.0

T = TypeVar("T")


Key = GenerationId | tuple[UserId, ImageId]
"""What can change: a generation, or an image of its owner."""


class Signals:
    """*tell* passes the name of each announcement on to the other processes; `hear` takes in theirs."""

    def __init__(self, *, monotonic: Monotonic, tell: Callable[[str], object] = lambda _: None) -> None:
        self._monotonic = monotonic
        self._tell = tell
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._is_stopped = False

    @property
    def is_stopped(self) -> bool:
        return self._is_stopped

    def stop(self) -> None:
        """End every wait now, and each one to come at its first look: the service is being shut down."""
        self._is_stopped = True
        for events in self._waiting.values():
            for event in events:
                event.set()

    def announce(self, key: Key) -> None:
        """Wake everyone who waits for *key*, wherever."""
        self.hear(_name(key))
        self._tell(_name(key))

    def hear(self, name: str) -> None:
        """Wake everyone here who waits for what *name* stands for."""
        for event in self._waiting.get(name, ()):
            event.set()

    async def wait(self, key: Key, look: Callable[[], Awaitable[T]], *, done: Callable[[T], bool], seconds: float) -> T:
        """Return what *look* returns once it is *done*, or after *seconds* whatever it is then."""
        event, name = asyncio.Event(), _name(key)
        until = self._monotonic() + seconds
        self._waiting[name].add(event)
        try:
            while True:
                event.clear()
                seen = await look()
                left = until - self._monotonic()
                if done(seen) or left <= 0 or self._is_stopped:
                    return seen
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, _LOOK_AGAIN_SECONDS)):
                        await event.wait()
        finally:
            self._waiting[name].discard(event)
            if not self._waiting[name]:
                del self._waiting[name]


def _name(key: Key) -> str:
    return "/".join(map(str, key)) if isinstance(key, tuple) else str(key)

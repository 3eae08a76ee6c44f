"""Wakes those who wait for a row to change.  Only a hint: whoever is woken reads the catalog.

Another process cannot be heard here, so a wait without a signal looks again every second.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import TypeVar

from app.domain.ports import Monotonic

_LOOK_AGAIN_SECONDS = 1.0

T = TypeVar("T")


class Signals:
    def __init__(self, *, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._waiting: defaultdict[Hashable, set[asyncio.Event]] = defaultdict(set)
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

    def announce(self, key: Hashable) -> None:
        """Wake everyone who waits for *key*."""
        for event in self._waiting.get(key, ()):
            event.set()

    async def wait(
        self, key: Hashable, look: Callable[[], Awaitable[T]], *, done: Callable[[T], bool], seconds: float
    ) -> T:
        """Return what *look* returns once it is *done*, or after *seconds* whatever it is then."""
        event = asyncio.Event()
        until = self._monotonic() + seconds
        self._waiting[key].add(event)
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
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]

"""Whose turn it is: some at once, the others in the order they came, and none once too many wait."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from app.domain.errors import Overloaded

_RETRY_AFTER_SECONDS = 5


class Turns:
    """*at_once* have their turn, up to *waiting* wait for it.  *on_refused* is told of each who may not even wait."""

    def __init__(self, *, at_once: int, waiting: int, on_refused: Callable[[], object] = lambda: None) -> None:
        self._free = at_once
        self._most = waiting
        self._on_refused = on_refused
        self._queue: deque[asyncio.Future[None]] = deque()

    def require_room(self) -> None:
        """Raise `Overloaded` if whoever comes now could not even wait."""
        if not self._free and len(self._queue) >= self._most:
            self._on_refused()
            raise Overloaded("Too many answers wait for their turn.", retry_after=_RETRY_AFTER_SECONDS)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the block ends; raise `Overloaded`."""
        self.require_room()
        if self._free:
            self._free -= 1
        else:
            await self._wait()
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place in self._queue:
                self._queue.remove(place)
            elif not place.cancelled():
                self._pass_on()  # it was our turn when we left
            raise

    def _pass_on(self) -> None:
        # Handed from one to the next: nobody who comes meanwhile can be quicker than who waits.
        while self._queue:
            place = self._queue.popleft()
            if not place.done():  # else whoever waited there has left, and does not know it yet
                place.set_result(None)
                return
        self._free += 1

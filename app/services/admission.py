"""Refuses new work when too much is waiting, so that what was promised before is kept."""

from app.domain.catalog import CaptureQueue
from app.domain.errors import Overloaded


class Admission:
    def __init__(self, *, queue: CaptureQueue, limit: int) -> None:
        self._queue = queue
        self._limit = limit

    async def require_room(self) -> None:
        """Raise `Overloaded` when *limit* captures are open."""
        if (await self._queue.backlog()).open >= self._limit:
            raise Overloaded("Too many images are waiting to be captured.", retry_after=5)

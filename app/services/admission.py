"""Refuses new work when too much is waiting or too little room is left, so that what was promised before is kept."""

from app.domain.catalog import CaptureQueue
from app.domain.errors import Overloaded
from app.domain.ports import BlobStore

_COPIES = 4
"""A payload lies in the catalog and its log until it is captured, and then in the store."""


class Admission:
    def __init__(self, *, queue: CaptureQueue, blobs: BlobStore, limit: int) -> None:
        self._queue = queue
        self._blobs = blobs
        self._limit = limit

    async def require_room(self, payload: int = 0) -> None:
        """Raise `Overloaded` when *limit* captures are open, `StorageFull` when there is no room for *payload* bytes.

        The reserve of the volume is for what ends: captures that settle, deletions, sweeps.
        """
        if (await self._queue.backlog()).open >= self._limit:
            raise Overloaded("Too many images are waiting to be captured.", retry_after=5)
        await self._blobs.require_room(_COPIES * payload)

"""When images were last read: noted in memory, written in batches, never per request."""

import logging
from datetime import datetime

from app.domain.catalog import ImageCatalog
from app.domain.errors import AppError
from app.domain.ids import ImageId, UserId
from app.domain.ports import Clock

log = logging.getLogger(__name__)

_MOST = 50_000


class AccessTimes:
    """Call `flush` every now and then, and `close` at a clean stop."""

    def __init__(self, *, images: ImageCatalog, clock: Clock) -> None:
        self._images = images
        self._clock = clock
        self._reads: dict[tuple[UserId, ImageId], datetime] = {}

    def note(self, user: UserId, image: ImageId) -> None:
        """Remember that *image* was read now; past a bound it is not, for this is a hint and no record."""
        if len(self._reads) < _MOST or (user, image) in self._reads:
            self._reads[user, image] = self._clock()

    async def flush(self) -> None:
        """Write what was noted since the last time; on failure it is kept for the next."""
        reads, self._reads = self._reads, {}
        try:
            await self._images.touch(reads)
        except BaseException:
            self._reads = reads | self._reads
            raise

    async def close(self) -> None:
        """Write the last batch; where that cannot be done, nothing else must suffer for a hint."""
        try:
            await self.flush()
        except AppError as refusal:
            log.warning("the last access times are not recorded", extra={"error": refusal.code})

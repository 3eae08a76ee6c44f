"""The rows of images that were served lately, so that a hot image costs no database.

A row is worth something only with its file: whoever uses one opens the file first, and a file that has gone (also by
another process) sends him back to the catalog.
"""

from collections import OrderedDict
from datetime import datetime, timedelta

from app.domain.ids import ImageId, UserId
from app.domain.images import Image
from app.domain.ports import Clock

_MOST = 20_000
# Should a deletion elsewhere fail to remove the file, its tombstone counts after this long at the latest; twice that
# where what was read here is remembered for as long again.
_FRESH = timedelta(seconds=15)


class KnownImages:
    """Stored images by owner and id, the least recently served going first."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._rows: OrderedDict[tuple[UserId, ImageId], tuple[Image, datetime]] = OrderedDict()

    def find(self, user: UserId, image: ImageId) -> Image | None:
        """Return the row if it was read lately."""
        known = self._rows.get((user, image))
        if known is None or not timedelta() <= self._clock() - known[1] < _FRESH:
            return None
        self._rows.move_to_end((user, image))
        return known[0]

    def remember(self, image: Image) -> None:
        self._rows[image.user, image.id] = (image, self._clock())
        if len(self._rows) > _MOST:
            self._rows.popitem(last=False)

    def forget(self, user: UserId, image: ImageId) -> None:
        self._rows.pop((user, image), None)

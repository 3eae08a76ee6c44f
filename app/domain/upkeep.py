"""What may be forgotten, and when: only what no late news, no repeated request and no repair can ask for again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.clock_guard import Sighting
from app.domain.images import Image, ImageStatus

KEY_LIFE = timedelta(days=8)
"""A phone repeats a request for a week at most."""

GENERATION_LIFE = timedelta(days=90)
CAPTURE_LIFE = timedelta(days=8)
ERASURE_LIFE = timedelta(days=90)
QUARANTINE_LIFE = timedelta(days=30)

_CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A file in quarantine.  *name* is where it lies there, *key* what it was called, *since* when it came."""

    name: str
    key: str
    size: int
    since: datetime


class Quarantine(Protocol):
    """The files that were moved out of the way."""

    def entries(self) -> AsyncIterator[SetAside]:
        """Yield them in no order."""

    async def remove(self, entry: SetAside) -> None:
        """Remove a file durably; one that is gone is not an error."""


class UpkeepCatalog(Protocol):
    """Removal of rows that are of no more use, many small transactions long; each call returns how many went.

    A call may leave some for the next one.
    """

    async def forget_keys(self, *, before: datetime) -> int:
        """Remove idempotency keys made before then, but for those of a generation that is open still."""

    async def forget_generations(self, *, before: datetime) -> int:
        """Remove generations that ended before then and have no image, not even a deleted one.

        One with images stays: it is what late news of its job is recognised by.
        """

    async def forget_captures(self, *, before: datetime) -> int:
        """Remove the settled captures of images that were deleted before then.

        Any other may be revived: its row holds the token that fences off whoever held it before.
        """

    async def forget_erasures(self, *, before: datetime) -> int:
        """Remove what tells that owners were erased before then."""


def is_disposable(entry: SetAside, image: Image | None, *, now: datetime) -> bool:
    """Whether a file in quarantine is of no use to anybody; *image* is the one it was called by.

    What was deleted goes at once: that was the promise.  What is stored has its bytes elsewhere.  Anything else may
    be the only copy there is, and stays for a person to judge.
    """
    if image is None:
        return False
    if image.status is ImageStatus.DELETED:
        return True
    return image.status is ImageStatus.STORED and now - entry.since > QUARANTINE_LIFE


def is_clock_trusted(seen: Sighting | None, *, now: datetime, max_gap: timedelta) -> bool:
    """Whether a sweep has lately looked at the clock and believed it: nothing is forgotten by a clock that jumped."""
    return seen is not None and not seen.is_suspect and -_CLOCK_SLACK <= now - seen.at <= max_gap

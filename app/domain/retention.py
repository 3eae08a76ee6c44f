"""The words of retention: its policy, its plan, and what it asks of the catalog.

A plan is a value that is made before anything is touched, so a dry run and a sweep cannot disagree.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from app.domain.clock_guard import Sighting
from app.domain.ids import ImageId, UserId
from app.domain.images import ImageSource


class Reason(StrEnum):
    """Why retention removes an image; it becomes the tombstone's `reason`."""

    EXPIRED = "expired"
    """Older than the maximum age of its source."""
    OVER_LIMIT = "over_limit"
    """Among the least recently used of an owner who has more than the limit."""
    SPACE = "space"
    """Among the least recently used of all, when the store or the volume was too full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What may stay.  None switches a rule off.

    *store_limit* is in bytes; a store that passes it shrinks to *low_water* of it.  *high_water* and *low_water*
    are shares (0-1) of the volume.  Nothing younger than *min_age* goes whatever the rule.
    """

    max_age: timedelta | None
    per_user_limit: int | None
    min_age: timedelta
    store_limit: int | None
    high_water: float
    low_water: float
    max_removals: int
    """The most one run removes."""
    max_age_by_source: Mapping[ImageSource, timedelta | None] = field(default_factory=dict)
    """Overrides *max_age*."""

    def max_age_of(self, source: ImageSource) -> timedelta | None:
        return self.max_age_by_source.get(source, self.max_age)


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What retention needs to know of an image whose bytes are stored; there may be 100,000 of these."""

    user: UserId
    id: ImageId
    source: ImageSource
    size: int
    hosted_at: datetime
    last_used_at: datetime
    """When it was last read, or hosted if it never was."""


@dataclass(frozen=True, slots=True)
class Total:
    images: int = 0
    size: int = 0

    def plus(self, image: StoredImage) -> "Total":
        return Total(self.images + 1, self.size + image.size)


@dataclass(frozen=True, slots=True)
class Removal:
    image: StoredImage
    reason: Reason
    why: str
    """For people: the rule and the fact it met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sweep removes, in this order."""

    removals: Sequence[Removal]
    totals: Mapping[Reason, Total]
    """What *removals* add up to; every reason is there."""
    capped: bool
    """More would go, but for the most one run removes."""
    protected: Total
    """What a rule wanted, but is younger than the minimum age."""
    shortfall: int
    """Bytes above the mark that no removal can free: protected, or not ours."""
    suspicion: str | None = None
    """Why the clock is not trusted; a sweep would then remove nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    user: UserId
    id: ImageId
    at: datetime | None
    """When it goes at the earliest; None: with its owner's next image."""
    reason: Reason


class RetentionCatalog(Protocol):
    """What a sweep reads and remembers, shared by every process of a deployment."""

    def stored(self, user: UserId | None) -> AsyncIterator[StoredImage]:
        """Yield each image in state `stored` of *user* (None: of everybody) once, in any order, streamed."""

    async def newest(self) -> datetime | None:
        """Return the latest `hosted_at` of the images in state `stored`."""

    async def oldest(self, user: UserId) -> datetime | None:
        """Return the earliest `hosted_at` of *user*'s images in state `stored`."""

    async def last_sweep(self) -> Sighting | None:
        """Return what `record_sweep` was last given."""

    async def record_sweep(self, seen: Sighting) -> None:
        """Replace the last sighting, be it earlier or later; committed on return."""

    async def try_lock(self, name: str, *, owner: str, until: datetime, now: datetime) -> bool:
        """Take or extend the lease *name* atomically; False, changing nothing, while another owner holds it.

        Another's lease is over at its end (end <= *now*).  One that ends later than *until* + (*until* - *now*)
        was taken on a clock that ran ahead, and is over too: it must not hold for years.
        """

    async def unlock(self, name: str, *, owner: str) -> None:
        """End the lease *name* if *owner* still holds it."""

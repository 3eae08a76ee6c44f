"""A capture: the durable job that saves one source before it expires."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.ids import ImageId, UserId
from app.domain.images import ImageSource

AT_RISK = timedelta(minutes=15)
"""A quarter of the hour that Replicate keeps an output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A claimed capture.  *token* fences off an older holder of the same capture."""

    user: UserId
    image: ImageId
    source: ImageSource
    fetch_from: str
    """An https URL, or a whole data URI."""
    deadline: datetime | None
    """When the provider deletes the source; None if it cannot expire."""
    created_at: datetime
    produced_at: datetime | None = None
    """When the provider had made it, as it says."""
    attempts: int
    """How often it has been claimed, this time included."""
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The captures that are not settled yet."""

    open: int
    next_attempt_at: datetime | None
    earliest_deadline: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """How much time the sources of the open captures have left."""

    open: int
    near: int
    """Those whose deadline is near, or has passed."""
    near_bytes: int
    """Of them, as far as their size is known: they were stored once before."""
    earliest_deadline: datetime | None


def at_risk_by(now: datetime) -> datetime:
    """Return the instant up to which a deadline is near: a capture that has to be done by then is at risk.

    One instant for all, whatever a source's whole life: a queue finds them at one end of its order.
    """
    return now + AT_RISK


def reserved_slots(concurrency: int) -> int:
    """Return how many of *concurrency* captures at once may only be ones at risk.

    A quarter, and at least one; none where there is a single slot, for then nothing else would ever be captured.
    """
    return max(1, concurrency // 4) if concurrency > 1 else 0

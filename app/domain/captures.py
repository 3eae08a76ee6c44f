"""A capture: the durable job that saves one source before it expires."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.ids import ImageId, UserId
from app.domain.images import ImageSource


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
    attempts: int
    """How often it has been claimed, this time included."""
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The captures that are not settled yet."""

    open: int
    next_attempt_at: datetime | None
    earliest_deadline: datetime | None

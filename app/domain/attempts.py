"""What becomes of a capture whose attempt failed: tried again, rejected or lost.  Pure rules."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.captures import Capture
from app.domain.errors import AppError, InvalidInput, SourceGone, SourceNotAllowed, SourceRejected
from app.domain.images import ImageSource

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 60.0
_LONGEST_HINT = 300.0
_LAST_CHANCE = timedelta(seconds=5)
_GONE_CONFIRMATIONS = 3
_UNEXPECTED_FAILURES = 10


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at *at*."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """The capture ends without bytes."""

    is_lost: bool
    reason: str
    detail: str


def judge(failure: Exception, capture: Capture, *, now: datetime, jitter: Callable[[], float]) -> Again | Ended:
    """Return what follows from *failure*.  *jitter* yields numbers from 0 up to 1.

    A capture retries against its deadline, not against a count.  What a source can never make good (bytes that are
    no image, an address that is not allowed) ends it at once.
    """
    if isinstance(failure, SourceRejected):
        return Ended(is_lost=False, reason=failure.reason, detail=failure.detail)
    if isinstance(failure, SourceNotAllowed | InvalidInput):
        return Ended(is_lost=False, reason=failure.code, detail=failure.detail)
    if isinstance(failure, SourceGone) and not _may_appear_yet(capture):
        return Ended(is_lost=True, reason=failure.code, detail=failure.detail)
    if capture.deadline is not None and now >= capture.deadline:
        return Ended(is_lost=True, reason="deadline_passed", detail="The source expired before it could be saved.")
    if capture.deadline is None and not isinstance(failure, AppError) and capture.attempts >= _UNEXPECTED_FAILURES:
        return Ended(is_lost=True, reason="internal", detail="Saving it failed for a reason of our own.")
    return Again(_not_past_deadline(now + _delay(failure, capture, jitter), capture, now))


def _may_appear_yet(capture: Capture) -> bool:
    # A provider announces an output it has just made; its delivery host may need a moment to know of it.
    return capture.source is ImageSource.GENERATED and capture.attempts < _GONE_CONFIRMATIONS


def _delay(failure: Exception, capture: Capture, jitter: Callable[[], float]) -> timedelta:
    doublings = min(capture.attempts - 1, 10)
    seconds = min(_FIRST_DELAY * 2**doublings, _LONGEST_DELAY) * (0.75 + 0.5 * jitter())
    hint = failure.retry_after if isinstance(failure, AppError) else None
    return timedelta(seconds=max(seconds, min(hint or 0.0, _LONGEST_HINT)))


def _not_past_deadline(at: datetime, capture: Capture, now: datetime) -> datetime:
    if capture.deadline is None or at < capture.deadline:
        return at
    # One more try while the source still lives beats a comfortable delay.
    return min(max(now + timedelta(seconds=_FIRST_DELAY), capture.deadline - _LAST_CHANCE), capture.deadline)

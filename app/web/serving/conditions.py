"""Conditional requests (RFC 9110 §13): whether the method may go on, and whether its range still fits."""

from datetime import datetime, timedelta
from enum import Enum, auto

from multidict import MultiMapping

from app.web.serving.dates import parse_http_date
from app.web.serving.representation import Representation
from app.web.serving.tags import matches

_READS = frozenset({"GET", "HEAD"})


class Verdict(Enum):
    """What the preconditions say."""

    PROCEED = auto()
    NOT_MODIFIED = auto()
    FAILED = auto()


def evaluate(method: str, headers: MultiMapping[str], representation: Representation, *, now: datetime) -> Verdict:
    """Weigh the preconditions in the order of RFC 9110 §13.2.2, `If-Range` excepted."""
    if _has_changed(headers, representation, now):
        return Verdict.FAILED
    if not _is_known(method, headers, representation, now):
        return Verdict.PROCEED
    return Verdict.NOT_MODIFIED if method in _READS else Verdict.FAILED


def allows_range(headers: MultiMapping[str], representation: Representation, *, now: datetime) -> bool:
    """Tell whether `If-Range` lets `Range` apply (RFC 9110 §13.1.5); without `If-Range` it does.

    A tag has to be ours, letter for letter: a weak one never is.  A date has to *equal* ours, and the second it
    names has to be over, or other bytes might still come to carry the same date (§8.8.2.2).
    """
    if "If-Range" not in headers:
        return True
    text = find_single(headers, "If-Range") or ""
    if text == representation.etag:
        return True
    date = parse_http_date(text, now=now)
    return date is not None and date == representation.modified(now) and date + timedelta(seconds=1) <= now


def find_single(headers: MultiMapping[str], name: str) -> str | None:
    """Return the value of a field that may come only once; None if it is absent or comes more often."""
    values = headers.getall(name, [])
    return values[0].strip() if len(values) == 1 else None


def _has_changed(headers: MultiMapping[str], representation: Representation, now: datetime) -> bool:
    """`If-Match`, and only in its absence `If-Unmodified-Since`."""
    if "If-Match" in headers:
        return not matches(_combined(headers, "If-Match"), representation.etag, strong=True)
    date = _find_date(headers, "If-Unmodified-Since", now)
    return date is not None and representation.modified(now) > date


def _is_known(method: str, headers: MultiMapping[str], representation: Representation, now: datetime) -> bool:
    """`If-None-Match`, and only in its absence `If-Modified-Since`, which means nothing unless reading."""
    if "If-None-Match" in headers:
        return matches(_combined(headers, "If-None-Match"), representation.etag, strong=False)
    if method not in _READS:
        return False
    date = _find_date(headers, "If-Modified-Since", now)
    return date is not None and representation.modified(now) <= date


def _combined(headers: MultiMapping[str], name: str) -> str:
    """Return a list that came in several fields as the one list it is (RFC 9110 §5.3)."""
    return ", ".join(headers.getall(name))


def _find_date(headers: MultiMapping[str], name: str, now: datetime) -> datetime | None:
    text = find_single(headers, name)
    return None if text is None else parse_http_date(text, now=now)

"""Times as they are written: RFC 3339, UTC, `Z`, whole seconds, which every client's decoder reads."""

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def rfc3339(at: datetime) -> str:
    """Return *at* as `2026-11-21T05:18:00Z`; fractions of a second are cut off."""
    # strftime would write years before 1000 with three digits.
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Return the moment *text* names, with a time zone (RFC 3339 5.6); raise `ValueError`."""
    if not _RFC3339.fullmatch(text):
        raise ValueError("no RFC 3339 time")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("no time we can count") from None

"""Times as they are written: RFC 3339, UTC, `Z`, whole seconds, which every client's decoder reads."""

from datetime import UTC, datetime


def rfc3339(at: datetime) -> str:
    """Return *at* as `2026-11-21T05:18:00Z`; fractions of a second are cut off."""
    # strftime would write years before 1000 with three digits.
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"

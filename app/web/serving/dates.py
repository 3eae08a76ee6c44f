"""HTTP dates (RFC 9110 §5.6.7): the one form we write, and the three we must read."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-5][0-9]|60)"
_FORMS = (
    re.compile(f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<short_year>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(f"{_DAY} {_MONTH} (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


def format_http_date(moment: datetime) -> str:
    """Return an aware *moment* as an IMF-fixdate; fractions of a second are dropped."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def parse_http_date(text: str, *, now: datetime) -> datetime | None:
    """Return the moment *text* names, or None if it is no HTTP date.

    *now* gives the two-digit years of RFC 850 their century.  The day's name is not held against the date.
    """
    for form in _FORMS:
        if found := form.fullmatch(text):
            return _moment(found.groupdict(), now)
    return None


def _moment(parts: dict[str, str], now: datetime) -> datetime | None:
    year = int(parts["year"]) if "year" in parts else _full_year(int(parts["short_year"]), now)
    month = _MONTHS.index(parts["month"]) + 1
    try:
        minute = datetime(year, month, int(parts["day"]), int(parts["hour"]), int(parts["minute"]), tzinfo=UTC)
        # The grammar has a leap second and `datetime` has none: 60 is the first second of the next minute.
        return minute + timedelta(seconds=int(parts["second"]))
    except (ValueError, OverflowError):
        return None


def _full_year(short: int, now: datetime) -> int:
    """Take a year that seems more than 50 years ahead for one in the past (RFC 9110 §5.6.7)."""
    year = now.year - now.year % 100 + short
    return year - 100 if year > now.year + 50 else year

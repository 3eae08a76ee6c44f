"""Times as they are written."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.instants import parse_rfc3339, rfc3339

zones = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
times = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001 (the zone is beside)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 21, 5, 18, tzinfo=UTC), "2026-11-21T05:18:00Z"),
        (datetime(2026, 11, 21, 5, 18, 59, 999_999, tzinfo=UTC), "2026-11-21T05:18:59Z"),
        (datetime(2026, 11, 21, 1, tzinfo=timezone(timedelta(hours=2))), "2026-11-20T23:00:00Z"),
        (datetime(987, 1, 1, tzinfo=UTC), "0987-01-01T00:00:00Z"),
    ],
    ids=["whole", "cut off", "another zone", "an early year"],
)
def test_a_time_is_written_in_utc_and_whole_seconds(at: datetime, text: str) -> None:
    assert rfc3339(at) == text


@given(times)
def test_what_is_written_is_read_back_to_the_second(at: datetime) -> None:
    text = rfc3339(at)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
    assert timedelta() <= at - datetime.fromisoformat(text) < timedelta(seconds=1)


@given(times)
def test_a_time_in_any_zone_is_read(at: datetime) -> None:
    assert parse_rfc3339(at.isoformat()) == at
    assert parse_rfc3339(rfc3339(at)) == at.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-11-21", "2026-11-21T05:18Z", "2026-11-21T05:18:00", "20261121T051800Z"),
        *("2026-11-21 05:18:00Z", "2026-02-30T05:18:00Z", "2026-11-21T25:18:00Z", "2026-11-21T05:18:00+0200"),
        *(
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "2026-11-21T05:18:00Z\n",
            "\u0662026-11-21T05:18:00Z",
        ),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (whatever it says)
        parse_rfc3339(text)

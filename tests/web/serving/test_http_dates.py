"""The three spellings of a date, and what is none."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.web.serving.dates import format_http_date, parse_http_date

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", id="imf-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", id="rfc850"),
        pytest.param("Sun Nov  6 08:49:37 1994", id="asctime"),
    ],
)
def test_every_http_date_is_read(text: str) -> None:
    assert parse_http_date(text, now=NOW) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("yesterday", id="word"),
        pytest.param("1994-11-06T08:49:37Z", id="rfc3339"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 +0000", id="numeric zone"),
        pytest.param("Sun, 06 Nov 1994 08:49:37", id="no zone"),
        pytest.param("Sun, 6 Nov 1994 08:49:37 GMT", id="one-digit day"),
        pytest.param("Sun, 31 Feb 1994 08:49:37 GMT", id="no such day"),
        pytest.param("Sun, 06 Nov 1994 24:49:37 GMT", id="no such hour"),
        pytest.param("Sun, 06 Nov 1994 08:60:37 GMT", id="no such minute"),
        pytest.param("Sun, 06 Nov 1994 08:49:61 GMT", id="no such second"),
        pytest.param("Sun, 06 Nov 0000 08:49:37 GMT", id="no such year"),
        pytest.param("Fri, 31 Dec 9999 23:59:60 GMT", id="after the last year"),
        pytest.param("Sun Nov    08:49:37 1994", id="no day"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", id="two"),
        pytest.param("Sun, ٠٦ Nov 1994 08:49:37 GMT", id="digits of another script"),
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    assert parse_http_date(text, now=NOW) is None


@pytest.mark.parametrize(("short", "full"), [("26", 2026), ("76", 2076), ("77", 1977), ("99", 1999)])
def test_a_two_digit_year_is_never_more_than_fifty_years_ahead(short: str, full: int) -> None:
    parsed = parse_http_date(f"Sunday, 06-Nov-{short} 08:49:37 GMT", now=NOW)

    assert parsed == datetime(full, 11, 6, 8, 49, 37, tzinfo=UTC)


def test_a_leap_second_is_the_first_of_the_next_minute() -> None:
    parsed = parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", now=NOW)

    assert parsed == datetime(2017, 1, 1, tzinfo=UTC)


def test_a_date_is_written_in_gmt_without_fractions() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=5))) + timedelta(milliseconds=900)

    assert format_http_date(there) == "Sun, 06 Nov 1994 08:49:37 GMT"

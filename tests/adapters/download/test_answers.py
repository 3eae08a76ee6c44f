"""How the head of an answer is read."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from app.adapters.download.answers import read_entity, read_retry_after

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def in_seconds(seconds: float) -> str:
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        (" 17 ", 17),
        ("999999", 3600),
        (in_seconds(90), 90),
        (in_seconds(-90), 0),
        (in_seconds(10**6), 3600),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("9" * 5000, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, expected: float | None) -> None:
    assert read_retry_after(CIMultiDict({"Retry-After": text}), now=NOW) == expected


@given(st.text())
def test_no_retry_after_breaks_anything(text: str) -> None:
    seconds = read_retry_after(CIMultiDict({"Retry-After": text}), now=NOW)
    assert seconds is None or 0 <= seconds <= 3600


def test_googles_hashes_may_come_on_lines_of_their_own() -> None:
    headers = CIMultiDict([("x-goog-hash", "crc32c=n03x6A=="), ("x-goog-hash", "md5=AAAAAAAAAAAAAAAAAAAAAA==")])
    assert read_entity(200, headers, max_bytes=9, now=NOW).md5 == "0" * 32


@pytest.mark.parametrize("value", ["", "md5=", "md5=short==", "crc32c=AAAAAA==", "xmd5=AAAAAAAAAAAAAAAAAAAAAA=="])
def test_anything_else_is_no_md5(value: str) -> None:
    assert read_entity(200, CIMultiDict({"x-goog-hash": value}), max_bytes=9, now=NOW).md5 is None


def test_an_etag_is_not_taken_for_an_md5() -> None:
    entity = read_entity(200, CIMultiDict({"ETag": f'"{"0" * 32}"'}), max_bytes=9, now=NOW)
    assert entity.md5 is None

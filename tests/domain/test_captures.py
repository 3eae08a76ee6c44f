"""When a capture is at risk, and how much room is kept for those that are."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.captures import at_risk_by, reserved_slots

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "is_at_risk"),
    [
        (timedelta(minutes=5), True),
        (timedelta(minutes=15), True),
        (timedelta(minutes=15, microseconds=1), False),
        (timedelta(hours=1), False),
    ],
    ids=str,
)
def test_a_source_with_a_quarter_of_an_hour_left_is_at_risk(left: timedelta, *, is_at_risk: bool) -> None:
    assert (NOW + left <= at_risk_by(NOW)) == is_at_risk


@pytest.mark.parametrize(
    ("concurrency", "reserved"), [(1, 0), (2, 1), (3, 1), (4, 1), (7, 1), (8, 2), (16, 4)], ids=str
)
def test_a_quarter_of_the_room_is_kept_and_some_is_always_left(concurrency: int, reserved: int) -> None:
    assert reserved_slots(concurrency) == reserved

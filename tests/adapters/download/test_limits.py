"""How fast is fast enough."""

import pytest

from app.adapters.download.limits import Pace, TooSlow


def test_a_slow_window_is_too_slow() -> None:
    pace = Pace(min_rate=100, window=10)
    pace.record(500, 9)
    with pytest.raises(TooSlow):
        pace.record(499, 1)


def test_just_enough_is_enough() -> None:
    pace = Pace(min_rate=100, window=10)
    pace.record(500, 9)
    pace.record(500, 1)


def test_a_fast_beginning_does_not_pay_for_a_slow_end() -> None:
    pace = Pace(min_rate=100, window=10)
    pace.record(1_000_000, 10)
    with pytest.raises(TooSlow):
        pace.record(10, 10)


def test_nothing_is_judged_before_a_window_is_full() -> None:
    pace = Pace(min_rate=100, window=10)
    for _ in range(9):
        pace.record(1, 1)


def test_a_long_wait_is_held_to_the_same_rate() -> None:
    with pytest.raises(TooSlow):
        Pace(min_rate=100, window=10).record(1999, 20)

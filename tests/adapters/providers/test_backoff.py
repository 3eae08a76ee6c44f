import pytest

from app.adapters.providers.backoff import Backoff


@pytest.mark.parametrize(
    ("jitter", "expected"), [(0.0, [0.25, 0.5, 1.0]), (0.999, [0.7495, 1.499, 2.998])], ids=["least", "most"]
)
def test_pauses_double_and_are_spread(jitter: float, expected: list[float]) -> None:
    backoff = Backoff(jitter=lambda: jitter)

    assert [backoff.pause(attempt, None) for attempt in (1, 2, 3)] == pytest.approx(expected)
    assert backoff.pause(4, None) is None


def test_a_hint_is_the_least_that_is_waited() -> None:
    backoff = Backoff(jitter=lambda: 0.5)

    assert backoff.pause(1, 3.0) == 3.0
    assert backoff.pause(3, 0.1) == 2.0


def test_a_hint_that_is_too_long_ends_the_attempts() -> None:
    assert Backoff().pause(1, 5.1) is None

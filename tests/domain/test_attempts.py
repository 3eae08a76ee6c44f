"""What follows from a failed attempt: against the deadline, never against a count, and never past the deadline."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.attempts import Again, Ended, judge
from app.domain.captures import Capture
from app.domain.errors import (
    AppError,
    InvalidInput,
    Overloaded,
    SourceGone,
    SourceNotAllowed,
    SourceRejected,
    SourceUnavailable,
    StorageFull,
    StorageUnavailable,
)
from app.domain.ids import ImageId, UserId
from app.domain.images import ImageSource

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DEADLINE = NOW + timedelta(hours=1)
CAPTURE = Capture(
    user=UserId("ana"),
    image=ImageId("one"),
    source=ImageSource.IMPORTED,
    fetch_from="https://delivery.example/one.png",
    deadline=DEADLINE,
    created_at=NOW,
    attempts=1,
    token=1,
)
PASSING = [
    SourceUnavailable("The source did not answer."),
    StorageFull("The volume is full."),
    StorageUnavailable("The volume cannot be used."),
    Overloaded("The queue is full."),
]


def verdict(failure: Exception, *, now: datetime = NOW, jitter: float = 0.5, **changes: object) -> Again | Ended:
    return judge(failure, replace(CAPTURE, **changes), now=now, jitter=lambda: jitter)


def seconds_of(found: Again | Ended, *, now: datetime = NOW) -> float:
    assert isinstance(found, Again)
    return (found.at - now).total_seconds()


def test_bytes_that_are_no_image_end_it_as_rejected_with_their_reason() -> None:
    found = verdict(SourceRejected("truncated", "The image ends too early."))

    assert found == Ended(is_lost=False, reason="truncated", detail="The image ends too early.")


@pytest.mark.parametrize("failure", [SourceNotAllowed(), InvalidInput("No URL.")], ids=lambda error: error.code)
def test_an_address_that_may_not_be_dialled_ends_it_as_rejected(failure: AppError) -> None:
    assert verdict(failure) == Ended(is_lost=False, reason=failure.code, detail=failure.detail)


def test_an_import_whose_source_is_gone_is_lost_at_once() -> None:
    found = verdict(SourceGone("The source is gone."))

    assert found == Ended(is_lost=True, reason="source_gone", detail="The source is gone.")


def test_an_output_that_was_just_announced_may_take_a_moment_to_appear() -> None:
    gone = SourceGone("The source is gone.")

    again = [verdict(gone, source=ImageSource.GENERATED, attempts=count) for count in (1, 2)]

    assert all(seconds_of(found) < 3 for found in again)
    assert isinstance(verdict(gone, source=ImageSource.GENERATED, attempts=3), Ended)


@pytest.mark.parametrize("failure", PASSING, ids=lambda error: error.code)
@pytest.mark.parametrize("attempts", [1, 50, 100_000])
def test_what_may_pass_is_tried_again_however_often_it_failed(failure: AppError, attempts: int) -> None:
    assert isinstance(verdict(failure, attempts=attempts), Again)


@pytest.mark.parametrize("failure", [*PASSING, RuntimeError("a bug")], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("late", [timedelta(), timedelta(days=3)], ids=["on time", "late"])
def test_after_the_deadline_it_is_lost(failure: Exception, late: timedelta) -> None:
    found = verdict(failure, now=DEADLINE + late)

    assert isinstance(found, Ended)
    assert (found.is_lost, found.reason) == (True, "deadline_passed")


def test_what_is_rejected_after_the_deadline_is_rejected_all_the_same() -> None:
    found = verdict(SourceRejected("truncated", "It ends too early."), now=DEADLINE + timedelta(hours=1))

    assert isinstance(found, Ended)
    assert not found.is_lost


def test_a_source_that_cannot_expire_is_tried_for_ever() -> None:
    found = verdict(StorageFull("Full."), deadline=None, now=NOW + timedelta(days=3650), attempts=9999)

    assert isinstance(found, Again)


def test_a_failure_of_our_own_is_tried_again_while_the_source_lives() -> None:
    assert isinstance(verdict(RuntimeError("a bug"), attempts=1000), Again)


def test_a_failure_of_our_own_without_a_deadline_is_given_up_after_a_while() -> None:
    bug = RuntimeError("password=hunter2")

    assert isinstance(verdict(bug, attempts=9, deadline=None), Again)
    assert verdict(bug, attempts=10, deadline=None) == Ended(
        is_lost=True, reason="internal", detail="Saving it failed for a reason of our own."
    )


def test_delays_double_up_to_a_minute() -> None:
    waits = [seconds_of(verdict(PASSING[0], attempts=count)) for count in range(1, 12)]

    assert waits[:4] == [0.5, 1, 2, 4]
    assert waits[-1] == 60
    assert waits == sorted(waits)


def test_jitter_spreads_a_delay_by_a_quarter_each_way() -> None:
    low, high = (seconds_of(verdict(PASSING[0], attempts=4, jitter=jitter)) for jitter in (0.0, 0.999999))

    assert low == pytest.approx(3)
    assert high == pytest.approx(5, rel=1e-4)


def test_a_hint_of_the_source_is_honoured() -> None:
    assert seconds_of(verdict(SourceUnavailable("Wait.", retry_after=120))) == 120


def test_a_hint_shorter_than_our_own_delay_hurries_nothing() -> None:
    assert seconds_of(verdict(SourceUnavailable("Wait.", retry_after=0.1), attempts=8)) == 60


def test_a_hint_of_a_year_is_not_believed() -> None:
    assert seconds_of(verdict(SourceUnavailable("Wait.", retry_after=31_536_000))) == 300


def test_a_delay_beyond_the_deadline_becomes_a_last_chance_just_before_it() -> None:
    found = verdict(SourceUnavailable("Wait.", retry_after=200), now=DEADLINE - timedelta(seconds=60))

    assert found == Again(DEADLINE - timedelta(seconds=5))


def test_in_the_last_seconds_it_is_tried_as_often_as_it_can_be() -> None:
    now = DEADLINE - timedelta(seconds=3)

    assert verdict(PASSING[0], now=now, attempts=20) == Again(now + timedelta(seconds=0.5))


def test_in_the_last_moment_it_is_tried_at_the_deadline_and_not_after() -> None:
    now = DEADLINE - timedelta(seconds=0.1)

    assert verdict(PASSING[0], now=now, attempts=20) == Again(DEADLINE)


@given(
    failure=st.sampled_from([*PASSING, RuntimeError("a bug"), SourceUnavailable("Wait.", retry_after=250)]),
    left=st.timedeltas(timedelta(microseconds=1), timedelta(days=2)),
    attempts=st.integers(0, 1000),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_the_next_attempt_is_later_than_now_and_never_past_the_deadline(
    failure: Exception, left: timedelta, attempts: int, jitter: float
) -> None:
    now = DEADLINE - left

    found = verdict(failure, now=now, attempts=attempts, jitter=jitter)

    assert isinstance(found, Again)
    assert now < found.at <= DEADLINE

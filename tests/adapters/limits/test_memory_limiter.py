"""Rate limits in memory: how many, for whom, and when there is room again."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.limits.memory import MemoryRateLimiter
from app.domain.errors import RateLimited
from devkit.clock import FakeClock

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)  # where a minute begins


def limiter_of(clock: FakeClock, **rates: str) -> MemoryRateLimiter:
    return MemoryRateLimiter(rates=rates, clock=clock)


async def admitted(limiter: MemoryRateLimiter, count: int, who: str = "ana", kind: str = "reads") -> int:
    done = 0
    for _ in range(count):
        try:
            await limiter.admit(kind, who)
        except RateLimited:
            continue
        done += 1
    return done


async def wait_of(limiter: MemoryRateLimiter) -> float:
    """Return how long one is told to wait, or 0 when one is admitted."""
    try:
        await limiter.admit("reads", "ana")
    except RateLimited as refused:
        return refused.retry_after or 0
    return 0


async def refusal(limiter: MemoryRateLimiter) -> RateLimited:
    with pytest.raises(RateLimited) as refused:
        await limiter.admit("reads", "ana")
    return refused.value


@pytest.mark.parametrize(
    ("rate", "count"),
    [("3/second", 3), ("5/minute", 5), ("7 per 2 hours", 7), ("1/day", 1)],
    ids=str,
)
async def test_as_many_are_admitted_as_the_rate_says(rate: str, count: int) -> None:
    assert await admitted(limiter_of(FakeClock(NOW), reads=rate), count + 5) == count


async def test_each_sender_has_a_count_of_their_own() -> None:
    limiter = limiter_of(FakeClock(NOW), reads="2/minute")

    assert await admitted(limiter, 5, "ana") == 2
    assert await admitted(limiter, 5, "bob") == 2


async def test_each_kind_has_a_count_of_its_own() -> None:
    limiter = limiter_of(FakeClock(NOW), reads="2/minute", writes="1/minute")

    assert await admitted(limiter, 5, kind="reads") == 2
    assert await admitted(limiter, 5, kind="writes") == 1


@pytest.mark.parametrize("rates", [{}, {"reads": ""}], ids=["not named", "empty"])
async def test_without_a_rate_there_is_no_limit(rates: dict[str, str]) -> None:
    assert await admitted(limiter_of(FakeClock(NOW), **rates), 5000) == 5000


async def test_whoever_waits_as_long_as_is_said_is_admitted() -> None:
    clock = FakeClock(NOW)
    limiter = limiter_of(clock, reads="60/minute")
    await admitted(limiter, 60)

    for _ in range(100):
        wait = (await refusal(limiter)).retry_after
        assert wait is not None
        assert wait >= 1
        clock.advance(wait)
        await limiter.admit("reads", "ana")
        await admitted(limiter, 60)


async def test_a_burst_at_the_edge_of_two_windows_is_not_twice_the_rate() -> None:
    clock = FakeClock(NOW)
    clock.advance(59)
    limiter = limiter_of(clock, reads="60/minute")

    first = await admitted(limiter, 100)
    clock.advance(2)

    assert first == 60
    assert await admitted(limiter, 100) <= 2


async def test_after_two_windows_of_rest_all_is_forgotten() -> None:
    clock = FakeClock(NOW)
    limiter = limiter_of(clock, reads="60/minute")
    await admitted(limiter, 60)
    clock.advance(120)

    assert await admitted(limiter, 100) == 60


async def test_a_refused_request_does_not_count() -> None:
    clock = FakeClock(NOW)
    limiter = limiter_of(clock, reads="10/minute")
    await admitted(limiter, 1000)
    clock.advance(60 + 30)

    assert await admitted(limiter, 100) == 5


async def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    now = [NOW.timestamp()]
    limiter = MemoryRateLimiter(rates={"reads": "5/minute"}, clock=lambda: datetime.fromtimestamp(now[0], UTC))
    await admitted(limiter, 5)
    now[0] -= 86400 * 365

    assert await admitted(limiter, 10) == 5


async def test_only_so_many_senders_are_remembered() -> None:
    limiter = MemoryRateLimiter(rates={"reads": "1/minute"}, clock=FakeClock(NOW), most=100)

    for number in range(1000):
        await limiter.admit("reads", f"sender{number}")

    assert len(limiter._windows) == 100
    assert await admitted(limiter, 1, "sender999") == 0
    assert await admitted(limiter, 1, "sender0") == 1


async def test_whoever_keeps_sending_is_not_forgotten_for_others() -> None:
    limiter = MemoryRateLimiter(rates={"reads": "1/minute"}, clock=FakeClock(NOW), most=10)
    await admitted(limiter, 1, "loud")

    for number in range(100):
        await limiter.admit("reads", f"sender{number}")
        assert await admitted(limiter, 1, "loud") == 0


@given(st.lists(st.floats(0.01, 90), max_size=60), st.integers(1, 5))
async def test_no_rhythm_gets_more_than_twice_the_rate_through_any_window(gaps: list[float], count: int) -> None:
    clock = FakeClock(NOW)
    limiter = limiter_of(clock, reads=f"{count}/minute")
    times: list[float] = []
    for gap in gaps:
        clock.advance(gap)
        times += [clock.monotonic()] * await admitted(limiter, 2)

    for start in times:
        assert sum(start <= at < start + 60 for at in times) <= 2 * count


@given(st.lists(st.floats(0.01, 90), max_size=40), st.integers(1, 5))
async def test_a_refusal_says_a_wait_after_which_there_is_room(gaps: list[float], count: int) -> None:
    clock = FakeClock(NOW)
    limiter = limiter_of(clock, reads=f"{count}/minute")
    for gap in gaps:
        clock.advance(gap)
        wait = await wait_of(limiter)
        assert wait <= 121
        clock.advance(wait)
        assert not wait or await admitted(limiter, 1)

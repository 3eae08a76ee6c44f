import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from devkit.clock import FakeClock


def test_a_frozen_clock_stands_still_until_it_is_advanced() -> None:
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    before = clock()

    clock.advance(3700)

    assert clock() - before == timedelta(seconds=3700)
    assert clock() == clock()
    assert clock.monotonic() == 3700


def test_a_ticking_clock_follows_real_time() -> None:
    clock = FakeClock(ticking=True)

    assert abs(clock() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.monotonic() < clock.monotonic()


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_a_clock_only_goes_forward(seconds: float) -> None:
    with pytest.raises(ValueError, match="forward"):
        FakeClock().advance(seconds)


async def test_advancing_wakes_who_has_slept_long_enough_and_nobody_else() -> None:
    clock = FakeClock()
    short = asyncio.create_task(clock.sleep(10))
    long = asyncio.create_task(clock.sleep(20))
    await asyncio.sleep(0)

    clock.advance(10)
    await short

    assert not long.done()
    clock.advance(10)
    await long


async def test_a_sleeper_on_a_ticking_clock_wakes_by_itself() -> None:
    clock = FakeClock(ticking=True)
    before = clock()

    await clock.sleep(0.01)

    assert clock() - before >= timedelta(seconds=0.01)


async def test_a_moment_that_moves_is_looked_at_again_when_nudged() -> None:
    clock = FakeClock()
    moments = [clock() + timedelta(hours=1)]
    waiting = asyncio.create_task(clock.until(lambda: moments[-1]))
    await asyncio.sleep(0)

    moments.append(clock())
    clock.nudge()

    await asyncio.wait_for(waiting, 1)

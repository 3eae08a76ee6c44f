"""Only one sweep runs per deployment."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from app.services.retention import LEASE, LOCK, Skipped
from tests.support.retention_fakes import DAY, NOW, Bench, a_stored

YEARS = 10 * 365 * DAY


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_only_one_sweep_runs_at_a_time(bench: Bench) -> None:
    bench.host(a_stored("a", age=93 * DAY))
    inside, leave = asyncio.Event(), asyncio.Event()

    async def wait(_: float) -> None:
        inside.set()
        await leave.wait()

    bench.clocks.sleep = wait
    retention = bench.process(max_age=90 * DAY)
    first = asyncio.create_task(retention.sweep())
    await inside.wait()
    second = await retention.sweep()
    leave.set()
    assert second.skipped is Skipped.ALREADY_RUNNING
    assert (await first).skipped is None
    assert bench.catalog.leases == {}


async def test_the_lock_of_a_dead_process_ends(bench: Bench) -> None:
    bench.host(a_stored("a", age=93 * DAY))
    await bench.catalog.try_lock(LOCK, owner="dead", until=NOW, now=NOW - LEASE)
    assert (await bench.process(max_age=90 * DAY).sweep()).skipped is None


async def test_a_lock_taken_on_a_clock_that_ran_ahead_does_not_hold_for_years(bench: Bench) -> None:
    bench.host()
    await bench.catalog.try_lock(LOCK, owner="dead", until=NOW + YEARS + LEASE, now=NOW + YEARS)
    assert (await bench.process().sweep()).skipped is None


async def test_a_long_sweep_renews_its_lock(bench: Bench) -> None:
    bench.host(*(a_stored(f"{n}", age=93 * DAY) for n in range(9)))
    ends = set()

    async def slow(_: float) -> None:
        bench.clocks.advance(LEASE / 2)
        ends.add(bench.catalog.leases[LOCK][1] - bench.clocks.now)

    bench.clocks.sleep = slow
    await bench.process(max_age=90 * DAY).sweep()
    assert bench.catalog.names() == set()
    assert min(ends) > timedelta()


async def test_a_sweep_that_lost_its_lock_stops(bench: Bench) -> None:
    bench.host(*(a_stored(f"{n}", age=93 * DAY) for n in range(9)))

    async def stall(_: float) -> None:
        bench.clocks.advance(2 * LEASE)
        bench.catalog.leases[LOCK] = ("another", bench.clocks.now + LEASE)

    bench.clocks.sleep = stall
    report = await bench.process(max_age=90 * DAY).sweep()
    assert report.detail == "another sweep took over"
    assert len(bench.catalog.names()) == 8
    assert bench.catalog.leases[LOCK][0] == "another"


async def test_a_sweep_that_is_cancelled_gives_its_lock_back(bench: Bench) -> None:
    bench.host(*(a_stored(f"{n}", age=93 * DAY) for n in range(3)))
    inside = asyncio.Event()

    async def hang(_: float) -> None:
        inside.set()
        await asyncio.Event().wait()

    bench.clocks.sleep = hang
    task = asyncio.create_task(bench.process(max_age=90 * DAY).sweep())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.catalog.leases == {}
    assert len(bench.catalog.names()) == 2

"""No wrong clock empties the store, and no right one stops retention for good."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.clock_guard import Sighting
from app.domain.ids import ImageId
from app.domain.retention import Reason
from app.services.retention import Skipped
from tests.support.retention_fakes import ANA, DAY, HOUR, NOW, Bench, a_stored

YEARS = 10 * 365 * DAY


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("jump", [YEARS, -YEARS, 3 * DAY], ids=["ten years ahead", "ten years back", "days ahead"])
async def test_a_clock_that_jumps_between_runs_empties_nothing(
    bench: Bench, jump: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    bench.host(*(a_stored(f"{n}", age=n * DAY) for n in range(1, 40)))
    bench.clocks.now += jump
    report = await bench.process(max_age=90 * DAY, per_user_limit=10).sweep()
    assert report.skipped is Skipped.CLOCK_SUSPECT
    assert len(bench.catalog.names()) == 39
    assert caplog.records[-1].levelno == logging.WARNING
    assert "nothing was removed: the clock says" in caplog.messages[-1]


async def test_a_clock_that_jumps_while_running_empties_nothing(bench: Bench) -> None:
    bench.host(*(a_stored(f"{n}", age=n * DAY) for n in range(1, 40)))
    retention = bench.process(max_age=40 * DAY)
    await retention.sweep()
    bench.clocks.advance(2 * HOUR)
    bench.clocks.now += 40 * HOUR
    assert (await retention.sweep()).skipped is Skipped.CLOCK_SUSPECT
    assert len(bench.catalog.names()) == 39


async def test_restarting_again_and_again_on_a_wrong_clock_empties_nothing(bench: Bench) -> None:
    bench.host(a_stored("a"))
    bench.clocks.now += YEARS
    for _ in range(20):
        assert (await bench.process(max_age=90 * DAY).sweep()).skipped is Skipped.CLOCK_SUSPECT
        bench.clocks.advance(timedelta(minutes=1))
    assert bench.catalog.names() == {"a"}


async def test_after_a_long_rest_the_second_sweep_goes_ahead(bench: Bench) -> None:
    bench.host(a_stored("a", age=89 * DAY))
    bench.clocks.now += 7 * DAY
    retention = bench.process(max_age=90 * DAY)
    assert (await retention.sweep()).skipped is Skipped.CLOCK_SUSPECT
    bench.clocks.advance(DAY)
    assert (await retention.sweep()).skipped is None
    assert bench.catalog.names() == set()


async def test_after_a_jump_and_its_correction_the_third_sweep_goes_ahead(bench: Bench) -> None:
    bench.host(a_stored("old", age=91 * DAY), a_stored("new"))
    retention = bench.process(max_age=90 * DAY)
    skipped = []
    for jump in (YEARS, -YEARS, timedelta()):
        bench.clocks.now += jump
        skipped.append((await retention.sweep()).skipped)
        bench.clocks.advance(DAY)
    assert skipped == [Skipped.CLOCK_SUSPECT, Skipped.CLOCK_SUSPECT, None]
    assert bench.catalog.names() == {"new"}


async def test_an_operator_can_vouch_for_the_clock(bench: Bench) -> None:
    bench.host(a_stored("a", age=91 * DAY))
    bench.clocks.now += 7 * DAY
    report = await bench.process(max_age=90 * DAY).sweep(confirm_clock=True)
    assert report.removed[Reason.EXPIRED].images == 1
    assert bench.catalog.seen is not None
    assert not bench.catalog.seen.is_suspect


async def test_a_dry_run_tells_of_a_suspect_clock_and_of_the_plan(bench: Bench) -> None:
    bench.host(a_stored("a", age=91 * DAY))
    bench.clocks.now += 7 * DAY
    made = await bench.process(max_age=90 * DAY).plan()
    assert len(made.removals) == 1
    assert made.suspicion is not None
    assert bench.catalog.seen == Sighting(NOW - DAY, is_suspect=False)


async def test_owed_files_go_even_on_a_suspect_clock(bench: Bench) -> None:
    bench.host(a_stored("a"))
    await bench.catalog.mark_deleted(ANA, ImageId("a"), reason="deleted", at=NOW)
    bench.clocks.now += YEARS
    report = await bench.process().sweep()
    assert (report.skipped, report.unlinked) == (Skipped.CLOCK_SUSPECT, 1)
    assert bench.blobs.names() == set()


async def test_the_very_first_sweep_on_a_wrong_clock_empties_nothing(bench: Bench) -> None:
    bench.host(*(a_stored(f"{n}", age=n * DAY) for n in range(1, 40)))
    bench.catalog.seen = None
    bench.clocks.now += YEARS
    assert (await bench.process(max_age=90 * DAY).sweep()).skipped is Skipped.CLOCK_SUSPECT
    assert len(bench.catalog.names()) == 39


async def test_the_first_sweep_of_a_new_deployment_goes_ahead(bench: Bench) -> None:
    report = await bench.process(max_age=DAY).sweep()
    assert report.skipped is None
    assert bench.catalog.seen == Sighting(NOW, is_suspect=False)

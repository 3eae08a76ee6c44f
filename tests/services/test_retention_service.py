"""A sweep removes what was planned: row first, one at a time, and never on a wrong clock."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.domain.clock_guard import Sighting
from app.domain.ids import ImageId
from app.domain.images import ImageStatus
from app.domain.retention import Reason, StoredImage, Total
from app.services.retention import LEASE, LOCK, RetentionService, Skipped
from tests.support.retention_fakes import (
    ANA,
    BEN,
    DAY,
    HOUR,
    NOW,
    FolderBlobs,
    HandClocks,
    MemoryCatalog,
    a_policy,
    a_stored,
)

YEARS = 10 * 365 * DAY
Build = Callable[..., RetentionService]


@pytest.fixture
def catalog() -> MemoryCatalog:
    return MemoryCatalog()


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path)


@pytest.fixture
def clocks() -> HandClocks:
    return HandClocks()


@pytest.fixture
def service(catalog: MemoryCatalog, blobs: FolderBlobs, clocks: HandClocks) -> Build:
    """Build one process: its service, with a policy of *changes*."""
    tokens = count()

    def build(**changes: Any) -> RetentionService:
        return RetentionService(
            catalog=catalog,
            images=catalog,
            blobs=blobs,
            policy=a_policy(**changes),
            clock=clocks.clock,
            monotonic=clocks.monotonic,
            new_token=lambda: f"token-{next(tokens)}",
            pace=timedelta(seconds=0.5),
            sleep=clocks.sleep,
        )

    return build


@pytest.fixture
def host(catalog: MemoryCatalog, blobs: FolderBlobs) -> Callable[..., None]:
    """Put images into catalog and store, as if a sweep had seen the clock a day ago."""

    def put(*images: StoredImage) -> None:
        catalog.seen = Sighting(NOW - DAY, is_suspect=False)
        for image in images:
            blobs.put(catalog.add(image))

    return put


async def test_a_sweep_removes_rows_and_files_and_says_why(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs
) -> None:
    host(a_stored("old", age=91 * DAY), a_stored("new", age=2 * DAY))
    report = await service(max_age=90 * DAY).sweep()
    assert report.removed[Reason.EXPIRED] == Total(images=1, size=100)
    assert catalog.names() == blobs.names() == {"new"}
    row = catalog.rows[ANA, ImageId("old")]
    assert (row.status, row.reason, row.ended_at) == (ImageStatus.DELETED, "expired", NOW)
    assert catalog.owed == set()


async def test_the_row_says_deleted_before_the_file_goes(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs
) -> None:
    host(a_stored("old", age=91 * DAY))
    states = []
    blobs.before_delete = lambda _: states.append(catalog.rows[ANA, ImageId("old")].status)
    await service(max_age=90 * DAY).sweep()
    assert states == [ImageStatus.DELETED]


async def test_a_dry_run_plans_and_changes_nothing(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs
) -> None:
    host(a_stored("old", age=91 * DAY), a_stored("new"))
    made = await service(max_age=90 * DAY).plan()
    assert [str(removal.image.id) for removal in made.removals] == ["old"]
    assert made.suspicion is None
    assert catalog.names() == blobs.names() == {"old", "new"}
    assert catalog.seen == Sighting(NOW - DAY, is_suspect=False)
    assert catalog.leases == {}


async def test_a_sweep_does_what_the_dry_run_said(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog
) -> None:
    host(*(a_stored(f"i{n}", age=n * 10 * DAY, unused=n * DAY, size=n * 10) for n in range(1, 12)))
    retention = service(max_age=90 * DAY, per_user_limit=7, store_limit=200)
    made = await retention.plan()
    await retention.sweep()
    assert catalog.names(ImageStatus.DELETED) == {str(removal.image.id) for removal in made.removals}
    assert {removal.reason for removal in made.removals} == set(Reason)


async def test_a_full_volume_is_measured_after_owed_files_have_gone(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs
) -> None:
    host(a_stored("owed", size=500), a_stored("kept", size=450))
    await catalog.mark_deleted(ANA, ImageId("owed"), reason="deleted", at=NOW)
    blobs.total = 1000
    report = await service(high_water=0.9, low_water=0.4).sweep()
    assert report.unlinked == 1
    assert blobs.names() == {"kept"}


async def test_removals_are_paced(service: Build, host: Callable[..., None], clocks: HandClocks) -> None:
    host(*(a_stored(f"{n}", age=91 * DAY) for n in range(3)))
    report = await service(max_age=90 * DAY).sweep()
    assert clocks.pauses == [0.5, 0.5, 0.5]
    assert report.seconds == 1.5


async def test_one_failing_removal_does_not_stop_the_rest(
    service: Build,
    host: Callable[..., None],
    catalog: MemoryCatalog,
    blobs: FolderBlobs,
    caplog: pytest.LogCaptureFixture,
) -> None:
    host(a_stored("a", age=93 * DAY), a_stored("b", age=92 * DAY), a_stored("c", age=91 * DAY))
    blobs.before_delete = _failing_on("ana/b.png")
    report = await service(max_age=90 * DAY).sweep()
    assert (report.failed, report.removed[Reason.EXPIRED].images) == (1, 2)
    assert blobs.names() == {"b"}
    assert catalog.owed == {(ANA, ImageId("b"))}
    assert "could not remove an image" in caplog.messages


async def test_the_next_sweep_finishes_what_failed(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs, clocks: HandClocks
) -> None:
    host(a_stored("a", age=93 * DAY))
    retention = service(max_age=90 * DAY)
    blobs.before_delete = _failing_on("ana/a.png")
    await retention.sweep()
    blobs.before_delete = lambda _: None
    clocks.advance(DAY)
    assert (await retention.sweep()).unlinked == 1
    assert blobs.names() == set()
    assert catalog.owed == set()


async def test_an_owed_file_that_cannot_go_does_not_stop_the_others(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs
) -> None:
    host(a_stored("a"), a_stored("b"))
    for name in "ab":
        await catalog.mark_deleted(ANA, ImageId(name), reason="deleted", at=NOW)
    blobs.before_delete = _failing_on("ana/a.png")
    assert await service().finish_unlinks() == 1
    assert catalog.owed == {(ANA, ImageId("a"))}


async def test_a_broken_store_ends_the_sweep(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs
) -> None:
    host(*(a_stored(f"{n}", age=91 * DAY) for n in range(50)))
    blobs.before_delete = _failing_on("")
    report = await service(max_age=90 * DAY).sweep()
    assert report.failed == 20
    assert report.detail == "stopped after 20 failures in a row"
    assert len(catalog.names()) == 30


async def test_an_image_read_after_the_plan_was_made_is_spared(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs
) -> None:
    host(a_stored("a", age=9 * DAY), a_stored("b", age=8 * DAY), a_stored("c", age=7 * DAY))

    def read_b(_: str) -> None:
        catalog.read(ANA, ImageId("b"), NOW)

    blobs.before_delete = read_b
    report = await service(per_user_limit=1).sweep()
    assert report.spared == 1
    assert catalog.names() == {"b", "c"}


async def test_an_image_its_owner_deletes_meanwhile_is_not_counted(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs
) -> None:
    host(a_stored("a", age=93 * DAY), a_stored("b", age=92 * DAY))
    blobs.before_delete = lambda _: catalog.bury(ANA, ImageId("b"))
    report = await service(max_age=90 * DAY).sweep()
    assert report.removed[Reason.EXPIRED].images == 1
    assert report.spared == 1


# The lock


async def test_only_one_sweep_runs_at_a_time(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs, clocks: HandClocks
) -> None:
    host(a_stored("a", age=93 * DAY))
    inside, leave = asyncio.Event(), asyncio.Event()

    async def wait(_: float) -> None:
        inside.set()
        await leave.wait()

    clocks.sleep = wait
    retention = service(max_age=90 * DAY)
    first = asyncio.create_task(retention.sweep())
    await inside.wait()
    second = await retention.sweep()
    leave.set()
    assert second.skipped is Skipped.ALREADY_RUNNING
    assert (await first).skipped is None
    assert catalog.leases == {}


async def test_the_lock_of_a_dead_process_ends(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog
) -> None:
    host(a_stored("a", age=93 * DAY))
    await catalog.try_lock(LOCK, owner="dead", until=NOW, now=NOW - LEASE)
    assert (await service(max_age=90 * DAY).sweep()).skipped is None


async def test_a_lock_taken_on_a_clock_that_ran_ahead_does_not_hold_for_years(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog
) -> None:
    host()
    await catalog.try_lock(LOCK, owner="dead", until=NOW + YEARS + LEASE, now=NOW + YEARS)
    assert (await service().sweep()).skipped is None


async def test_a_long_sweep_renews_its_lock(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, clocks: HandClocks
) -> None:
    host(*(a_stored(f"{n}", age=93 * DAY) for n in range(9)))
    ends = set()

    async def slow(_: float) -> None:
        clocks.advance(LEASE / 2)
        ends.add(catalog.leases[LOCK][1] - clocks.now)

    clocks.sleep = slow
    await service(max_age=90 * DAY).sweep()
    assert catalog.names() == set()
    assert min(ends) > timedelta()


async def test_a_sweep_that_lost_its_lock_stops(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, clocks: HandClocks
) -> None:
    host(*(a_stored(f"{n}", age=93 * DAY) for n in range(9)))

    async def stall(_: float) -> None:
        clocks.advance(2 * LEASE)
        catalog.leases[LOCK] = ("another", clocks.now + LEASE)

    clocks.sleep = stall
    report = await service(max_age=90 * DAY).sweep()
    assert report.detail == "another sweep took over"
    assert len(catalog.names()) == 8
    assert catalog.leases[LOCK][0] == "another"


async def test_a_sweep_that_is_cancelled_gives_its_lock_back(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, clocks: HandClocks
) -> None:
    host(*(a_stored(f"{n}", age=93 * DAY) for n in range(3)))
    inside = asyncio.Event()

    async def hang(_: float) -> None:
        inside.set()
        await asyncio.Event().wait()

    clocks.sleep = hang
    task = asyncio.create_task(service(max_age=90 * DAY).sweep())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert catalog.leases == {}
    assert len(catalog.names()) == 2


# The clock


@pytest.mark.parametrize("jump", [YEARS, -YEARS, 3 * DAY], ids=["ten years ahead", "ten years back", "days ahead"])
async def test_a_clock_that_jumps_between_runs_empties_nothing(
    service: Build,
    host: Callable[..., None],
    catalog: MemoryCatalog,
    clocks: HandClocks,
    jump: timedelta,
    caplog: pytest.LogCaptureFixture,
) -> None:
    host(*(a_stored(f"{n}", age=n * DAY) for n in range(1, 40)))
    clocks.now += jump
    report = await service(max_age=90 * DAY, per_user_limit=10).sweep()
    assert report.skipped is Skipped.CLOCK_SUSPECT
    assert len(catalog.names()) == 39
    assert caplog.records[-1].levelno == logging.WARNING
    assert "nothing was removed: the clock says" in caplog.messages[-1]


async def test_a_clock_that_jumps_while_running_empties_nothing(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, clocks: HandClocks
) -> None:
    host(*(a_stored(f"{n}", age=n * DAY) for n in range(1, 40)))
    retention = service(max_age=40 * DAY)
    await retention.sweep()
    clocks.advance(2 * HOUR)
    clocks.now += 40 * HOUR
    assert (await retention.sweep()).skipped is Skipped.CLOCK_SUSPECT
    assert len(catalog.names()) == 39


async def test_restarting_again_and_again_on_a_wrong_clock_empties_nothing(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, clocks: HandClocks
) -> None:
    host(a_stored("a"))
    clocks.now += YEARS
    for _ in range(20):
        assert (await service(max_age=90 * DAY).sweep()).skipped is Skipped.CLOCK_SUSPECT
        clocks.advance(timedelta(minutes=1))
    assert catalog.names() == {"a"}


async def test_after_a_long_rest_the_second_sweep_goes_ahead(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, clocks: HandClocks
) -> None:
    host(a_stored("a", age=89 * DAY))
    clocks.now += 7 * DAY
    retention = service(max_age=90 * DAY)
    assert (await retention.sweep()).skipped is Skipped.CLOCK_SUSPECT
    clocks.advance(DAY)
    assert (await retention.sweep()).skipped is None
    assert catalog.names() == set()


async def test_after_a_jump_and_its_correction_the_third_sweep_goes_ahead(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, clocks: HandClocks
) -> None:
    host(a_stored("old", age=91 * DAY), a_stored("new"))
    retention = service(max_age=90 * DAY)
    skipped = []
    for jump in (YEARS, -YEARS, timedelta()):
        clocks.now += jump
        skipped.append((await retention.sweep()).skipped)
        clocks.advance(DAY)
    assert skipped == [Skipped.CLOCK_SUSPECT, Skipped.CLOCK_SUSPECT, None]
    assert catalog.names() == {"new"}


async def test_an_operator_can_vouch_for_the_clock(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, clocks: HandClocks
) -> None:
    host(a_stored("a", age=91 * DAY))
    clocks.now += 7 * DAY
    report = await service(max_age=90 * DAY).sweep(confirm_clock=True)
    assert report.removed[Reason.EXPIRED].images == 1
    assert catalog.seen is not None
    assert not catalog.seen.is_suspect


async def test_a_dry_run_tells_of_a_suspect_clock_and_of_the_plan(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, clocks: HandClocks
) -> None:
    host(a_stored("a", age=91 * DAY))
    clocks.now += 7 * DAY
    made = await service(max_age=90 * DAY).plan()
    assert len(made.removals) == 1
    assert made.suspicion is not None
    assert catalog.seen == Sighting(NOW - DAY, is_suspect=False)


async def test_owed_files_go_even_on_a_suspect_clock(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs, clocks: HandClocks
) -> None:
    host(a_stored("a"))
    await catalog.mark_deleted(ANA, ImageId("a"), reason="deleted", at=NOW)
    clocks.now += YEARS
    report = await service().sweep()
    assert (report.skipped, report.unlinked) == (Skipped.CLOCK_SUSPECT, 1)
    assert blobs.names() == set()


async def test_the_first_sweep_of_a_new_deployment_goes_ahead(service: Build, catalog: MemoryCatalog) -> None:
    report = await service(max_age=DAY).sweep()
    assert report.skipped is None
    assert catalog.seen == Sighting(NOW, is_suspect=False)


# The limit of one owner


async def test_the_limit_is_enforced_for_one_owner_only(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, blobs: FolderBlobs
) -> None:
    host(*(a_stored(f"a{n}", age=n * DAY) for n in range(1, 6)), *(a_stored(f"b{n}", owner=BEN) for n in range(5)))
    report = await service(per_user_limit=3, max_age=2 * DAY).enforce_limit(ANA)
    assert report.removed[Reason.OVER_LIMIT].images == 2
    assert catalog.names() == blobs.names() == {"a1", "a2", "a3", "b0", "b1", "b2", "b3", "b4"}


async def test_an_owner_within_the_limit_is_left_alone(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog
) -> None:
    host(a_stored("a"), a_stored("b"))
    await service(per_user_limit=2).enforce_limit(ANA)
    assert catalog.names() == {"a", "b"}


async def test_the_limit_spares_what_is_too_young(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog
) -> None:
    host(a_stored("a", age=23 * HOUR), a_stored("b", age=22 * HOUR))
    report = await service(per_user_limit=1, min_age=DAY).enforce_limit(ANA)
    assert catalog.names() == {"a", "b"}
    assert report.protected.images == 1


async def test_on_a_suspect_clock_the_limit_waits_for_a_sweep(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog, clocks: HandClocks
) -> None:
    host(a_stored("a", age=23 * HOUR), a_stored("b", age=22 * HOUR))
    clocks.now += 3 * DAY
    before = catalog.seen
    report = await service(per_user_limit=1, min_age=DAY).enforce_limit(ANA)
    assert report.skipped is Skipped.CLOCK_SUSPECT
    assert catalog.names() == {"a", "b"}
    assert catalog.seen == before


async def test_two_ingests_at_once_remove_no_more_than_the_excess(
    service: Build, host: Callable[..., None], catalog: MemoryCatalog
) -> None:
    host(*(a_stored(f"{n}", age=n * DAY) for n in range(1, 8)))
    retention = service(per_user_limit=4)
    await asyncio.gather(retention.enforce_limit(ANA), retention.enforce_limit(ANA))
    assert catalog.names() == {"1", "2", "3", "4"}


async def test_an_owner_is_told_what_goes_next(service: Build, host: Callable[..., None]) -> None:
    host(a_stored("mine"), a_stored("theirs", owner=BEN))
    coming = await service(max_age=90 * DAY).upcoming(ANA)
    assert [(str(item.id), item.at) for item in coming] == [("mine", NOW + 80 * DAY)]


def _failing_on(key: str) -> Callable[[str], None]:
    """Fail on *key*, or on every key that contains it."""

    def fail(deleted: str) -> None:
        if key in deleted:
            raise OSError(5, "Input/output error")

    return fail

"""A sweep removes what was planned: row first, one at a time; and the limit right after an ingest."""

import asyncio
from pathlib import Path

import pytest

from app.domain.clock_guard import Sighting
from app.domain.ids import ImageId
from app.domain.images import ImageStatus
from app.domain.retention import Reason, Total
from app.services.retention import Skipped
from tests.support.retention_fakes import ANA, BEN, DAY, HOUR, NOW, Bench, a_stored, failing_on


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_a_sweep_removes_rows_and_files_and_says_why(bench: Bench) -> None:
    bench.host(a_stored("old", age=91 * DAY), a_stored("new", age=2 * DAY))
    report = await bench.process(max_age=90 * DAY).sweep()
    assert report.removed[Reason.EXPIRED] == Total(images=1, size=100)
    assert bench.catalog.names() == bench.blobs.names() == {"new"}
    row = bench.catalog.rows[ANA, ImageId("old")]
    assert (row.status, row.reason, row.ended_at) == (ImageStatus.DELETED, "expired", NOW)
    assert bench.catalog.owed == set()


async def test_the_row_says_deleted_before_the_file_goes(bench: Bench) -> None:
    bench.host(a_stored("old", age=91 * DAY))
    states = []
    bench.blobs.before_delete = lambda _: states.append(bench.catalog.rows[ANA, ImageId("old")].status)
    await bench.process(max_age=90 * DAY).sweep()
    assert states == [ImageStatus.DELETED]


async def test_a_dry_run_plans_and_changes_nothing(bench: Bench) -> None:
    bench.host(a_stored("old", age=91 * DAY), a_stored("new"))
    made = await bench.process(max_age=90 * DAY).plan()
    assert [str(removal.image.id) for removal in made.removals] == ["old"]
    assert made.suspicion is None
    assert bench.catalog.names() == bench.blobs.names() == {"old", "new"}
    assert bench.catalog.seen == Sighting(NOW - DAY, is_suspect=False)
    assert bench.catalog.leases == {}


async def test_a_sweep_does_what_the_dry_run_said(bench: Bench) -> None:
    bench.host(*(a_stored(f"i{n}", age=n * 10 * DAY, unused=n * DAY, size=n * 10) for n in range(1, 12)))
    retention = bench.process(max_age=90 * DAY, per_user_limit=7, store_limit=200)
    made = await retention.plan()
    await retention.sweep()
    assert bench.catalog.names(ImageStatus.DELETED) == {str(removal.image.id) for removal in made.removals}
    assert {removal.reason for removal in made.removals} == set(Reason)


async def test_a_full_volume_is_measured_after_owed_files_have_gone(bench: Bench) -> None:
    bench.host(a_stored("owed", size=500), a_stored("kept", size=450))
    await bench.catalog.mark_deleted(ANA, ImageId("owed"), reason="deleted", at=NOW)
    bench.blobs.total = 1000
    report = await bench.process(high_water=0.9, low_water=0.4).sweep()
    assert report.unlinked == 1
    assert bench.blobs.names() == {"kept"}


async def test_removals_are_paced(bench: Bench) -> None:
    bench.host(*(a_stored(f"{n}", age=91 * DAY) for n in range(3)))
    report = await bench.process(max_age=90 * DAY).sweep()
    assert bench.clocks.pauses == [0.5, 0.5, 0.5]
    assert report.seconds == 1.5


async def test_one_failing_removal_does_not_stop_the_rest(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.host(a_stored("a", age=93 * DAY), a_stored("b", age=92 * DAY), a_stored("c", age=91 * DAY))
    bench.blobs.before_delete = failing_on("ana/b.png")
    report = await bench.process(max_age=90 * DAY).sweep()
    assert (report.failed, report.removed[Reason.EXPIRED].images) == (1, 2)
    assert bench.blobs.names() == {"b"}
    assert bench.catalog.owed == {(ANA, ImageId("b"))}
    assert "could not remove an image" in caplog.messages


async def test_the_next_sweep_finishes_what_failed(bench: Bench) -> None:
    bench.host(a_stored("a", age=93 * DAY))
    retention = bench.process(max_age=90 * DAY)
    bench.blobs.before_delete = failing_on("ana/a.png")
    await retention.sweep()
    bench.blobs.before_delete = lambda _: None
    bench.clocks.advance(DAY)
    assert (await retention.sweep()).unlinked == 1
    assert bench.blobs.names() == set()
    assert bench.catalog.owed == set()


async def test_an_owed_file_that_cannot_go_does_not_stop_the_others(bench: Bench) -> None:
    bench.host(a_stored("a"), a_stored("b"))
    for name in "ab":
        await bench.catalog.mark_deleted(ANA, ImageId(name), reason="deleted", at=NOW)
    bench.blobs.before_delete = failing_on("ana/a.png")
    assert await bench.process().finish_unlinks() == 1
    assert bench.catalog.owed == {(ANA, ImageId("a"))}


async def test_a_broken_store_ends_the_sweep(bench: Bench) -> None:
    bench.host(*(a_stored(f"{n}", age=91 * DAY) for n in range(50)))
    bench.blobs.before_delete = failing_on("")
    report = await bench.process(max_age=90 * DAY).sweep()
    assert report.failed == 20
    assert report.detail == "stopped after 20 failures in a row"
    assert len(bench.catalog.names()) == 30


async def test_scattered_failures_do_not_end_the_sweep(bench: Bench) -> None:
    bench.host(*(a_stored(f"{n}-{'bad' if n % 2 else 'good'}", age=91 * DAY) for n in range(60)))
    bench.blobs.before_delete = failing_on("bad")
    report = await bench.process(max_age=90 * DAY).sweep()
    assert (report.failed, report.detail) == (30, None)
    assert report.removed[Reason.EXPIRED].images == 30


async def test_an_image_read_after_the_plan_was_made_is_spared(bench: Bench) -> None:
    bench.host(a_stored("a", age=9 * DAY), a_stored("b", age=8 * DAY), a_stored("c", age=7 * DAY))

    def read_b(_: str) -> None:
        bench.catalog.read(ANA, ImageId("b"), NOW)

    bench.blobs.before_delete = read_b
    report = await bench.process(per_user_limit=1).sweep()
    assert report.spared == 1
    assert bench.catalog.names() == {"b", "c"}


async def test_an_image_its_owner_deletes_meanwhile_is_not_counted(bench: Bench) -> None:
    bench.host(a_stored("a", age=93 * DAY), a_stored("b", age=92 * DAY))
    bench.blobs.before_delete = lambda _: bench.catalog.bury(ANA, ImageId("b"))
    report = await bench.process(max_age=90 * DAY).sweep()
    assert report.removed[Reason.EXPIRED].images == 1
    assert report.spared == 1


async def test_the_limit_is_enforced_for_one_owner_only(bench: Bench) -> None:
    bench.host(
        *(a_stored(f"a{n}", age=n * DAY) for n in range(1, 6)), *(a_stored(f"b{n}", owner=BEN) for n in range(5))
    )
    report = await bench.process(per_user_limit=3, max_age=2 * DAY).enforce_limit(ANA)
    assert report.removed[Reason.OVER_LIMIT].images == 2
    assert bench.catalog.names() == bench.blobs.names() == {"a1", "a2", "a3", "b0", "b1", "b2", "b3", "b4"}


async def test_an_owner_within_the_limit_is_left_alone(bench: Bench) -> None:
    bench.host(a_stored("a"), a_stored("b"))
    await bench.process(per_user_limit=2).enforce_limit(ANA)
    assert bench.catalog.names() == {"a", "b"}


async def test_the_limit_spares_what_is_too_young(bench: Bench) -> None:
    bench.host(a_stored("old", age=25 * HOUR), a_stored("a", age=23 * HOUR), a_stored("b", age=22 * HOUR))
    report = await bench.process(per_user_limit=1, min_age=DAY).enforce_limit(ANA)
    assert bench.catalog.names() == {"a", "b"}
    assert report.protected.images == 1


async def test_where_all_are_too_young_the_limit_waits(bench: Bench) -> None:
    bench.host(a_stored("a", age=23 * HOUR), a_stored("b", age=22 * HOUR))
    await bench.process(per_user_limit=1, min_age=DAY).enforce_limit(ANA)
    assert bench.catalog.names() == {"a", "b"}


async def test_on_a_suspect_clock_the_limit_waits_for_a_sweep(bench: Bench) -> None:
    bench.host(a_stored("a", age=23 * HOUR), a_stored("b", age=22 * HOUR))
    bench.clocks.now += 3 * DAY
    before = bench.catalog.seen
    report = await bench.process(per_user_limit=1, min_age=DAY).enforce_limit(ANA)
    assert report.skipped is Skipped.CLOCK_SUSPECT
    assert bench.catalog.names() == {"a", "b"}
    assert bench.catalog.seen == before


async def test_two_ingests_at_once_remove_no_more_than_the_excess(bench: Bench) -> None:
    bench.host(*(a_stored(f"{n}", age=n * DAY) for n in range(1, 8)))
    retention = bench.process(per_user_limit=4)
    await asyncio.gather(retention.enforce_limit(ANA), retention.enforce_limit(ANA))
    assert bench.catalog.names() == {"1", "2", "3", "4"}


async def test_an_owner_is_told_what_goes_next(bench: Bench) -> None:
    bench.host(a_stored("mine"), a_stored("theirs", owner=BEN))
    coming = await bench.process(max_age=90 * DAY).upcoming(ANA)
    assert [(str(item.id), item.at) for item in coming] == [("mine", NOW + 80 * DAY)]

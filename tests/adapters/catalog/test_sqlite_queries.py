"""What SQLite does for each hot query: it goes to an index, however many rows there are."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from app.adapters.catalog.database import Database
from app.domain.clock_guard import Sighting
from app.domain.generations import JobStatus
from app.domain.ids import ImageId
from app.domain.images import ImagePosition
from app.domain.metrics import Task
from tests.contracts.catalog_generations import begun
from tests.support.catalog import ANA, BOB, NOW, SECOND, Catalog, a_generation, a_key, an_image, an_output, of_job


class Watch:
    """Notes every statement, and asks SQLite how it would go about it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._statements: list[tuple[str, Any]] = []

    def note(self, _: Connection, __: object, statement: str, parameters: Any, *___: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "INSERT")):
            self._statements.append((statement, parameters))

    def clear(self) -> None:
        self._statements.clear()

    def plans(self) -> list[str]:
        """Return the steps of all plans since `clear`, and prove that there were any."""
        assert self._statements
        with closing(sqlite3.connect(self._path)) as connection:
            return [
                f"{row[3]}  [{statement}]"
                for statement, parameters in self._statements
                for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", _first(parameters))
            ]

    def scans(self) -> list[str]:
        """Return the steps that go through a whole table or index."""
        return [step for step in self.plans() if step.startswith("SCAN")]

    def sorts(self) -> list[str]:
        return [step for step in self.plans() if "TEMP B-TREE" in step]


def _first(parameters: Any) -> Any:
    return parameters[0] if isinstance(parameters, list) else parameters


@pytest.fixture
def watch(database: Database, path: Path) -> Iterator[Watch]:
    watch = Watch(path)
    for engine in database._engines():
        event.listen(engine.sync_engine, "before_cursor_execute", watch.note)
    return watch


async def test_registering_an_image_scans_nothing(catalog: Catalog, watch: Watch) -> None:
    await catalog.images.register(of_job("one"), idempotency_key=a_key())
    await catalog.images.register(of_job("two"), idempotency_key=a_key())
    await catalog.images.register(an_image("three"))

    assert watch.scans() == []
    assert any("images_source_key (user_id=? AND source_key=?)" in step for step in watch.plans())
    assert any("images_fingerprint (user_id=? AND fingerprint=?)" in step for step in watch.plans())


async def test_a_life_of_an_image_scans_nothing(catalog: Catalog, watch: Watch) -> None:
    image = await catalog.stored(an_image("one"))
    watch.clear()

    await catalog.images.find(ANA, image.id)
    await catalog.images.touch({(ANA, image.id): NOW})
    await catalog.images.mark_deleted(ANA, image.id, reason="expired", at=NOW)
    await catalog.images.mark_unlinked(ANA, image.id)

    assert watch.scans() == []


async def test_a_page_is_read_in_order_from_its_place_and_passes_no_tombstones(catalog: Catalog, watch: Watch) -> None:
    await catalog.images.page(ANA, after=ImagePosition(NOW, ImageId("one")), limit=50)

    (step,) = watch.plans()
    assert "images_newest (user_id=? AND (created_at,id)<(?,?))" in step


async def test_the_first_page_is_read_in_order(catalog: Catalog, watch: Watch) -> None:
    await catalog.images.page(ANA, after=None, limit=50)

    assert "USING INDEX images_newest (user_id=?)" in watch.plans()[0]
    assert watch.sorts() == []


async def test_usage_is_answered_from_an_index_alone(catalog: Catalog, watch: Watch) -> None:
    await catalog.images.usage(ANA)

    (step,) = watch.plans()
    assert "SEARCH images USING COVERING INDEX images_usage (user_id=? AND status=?)" in step


async def test_owed_unlinks_are_found_without_looking_at_the_others(catalog: Catalog, watch: Watch) -> None:
    await catalog.images.owed_unlinks(100)

    assert all("USING INDEX images_unlink_owed" in step for step in watch.plans())


async def test_the_backlog_is_counted_in_the_index_of_open_captures(catalog: Catalog, watch: Watch) -> None:
    await catalog.captures.backlog()

    (step,) = watch.plans()
    assert "SCAN captures USING COVERING INDEX captures_open" in step


async def test_the_risk_is_measured_in_the_index_of_open_captures(catalog: Catalog, watch: Watch) -> None:
    await catalog.captures.risk(by=NOW)

    assert [step.split("  [")[0] for step in watch.plans()] == [
        "SCAN captures USING COVERING INDEX captures_open",
        "SCALAR SUBQUERY 1",
        "SEARCH captures USING INDEX captures_open (deadline<?)",
        "SEARCH images USING INDEX sqlite_autoindex_images_1 (user_id=? AND id=?)",
    ]


async def test_a_claim_goes_along_the_open_captures_by_deadline(catalog: Catalog, watch: Watch) -> None:
    await catalog.images.register(an_image("one"))
    watch.clear()
    await catalog.claim()

    assert all("USING INDEX captures_open" in step for step in watch.scans())
    assert watch.sorts() == []


async def test_a_claim_of_what_dies_soon_looks_at_nothing_else(catalog: Catalog, watch: Watch) -> None:
    await catalog.captures.claim(owner="us", now=NOW, lease=SECOND, limit=9, dying_by=NOW + SECOND)

    (step,) = watch.plans()
    assert "SEARCH captures USING INDEX captures_open (deadline>? AND deadline<?)" in step


async def test_holding_and_settling_a_capture_scans_nothing(catalog: Catalog, watch: Watch) -> None:
    for name in ("one", "two"):
        await catalog.images.register(an_image(name))
    captures = await catalog.claim()
    watch.clear()

    await catalog.captures.renew(captures, until=NOW)
    await catalog.captures.release(captures[0], at=NOW, error="source_unavailable")
    await catalog.captures.settle_failed(captures[1], is_lost=True, reason="gone", detail="Gone.", at=NOW)
    await catalog.images.register(an_image("two"))

    assert watch.scans() == []


async def test_giving_all_captures_back_looks_at_open_ones_only(catalog: Catalog, watch: Watch) -> None:
    await catalog.captures.release_all(owner=None, now=NOW)
    await catalog.captures.release_all(owner="us", now=NOW)

    assert all("captures_open" in step for step in watch.plans())


async def test_a_life_of_a_generation_scans_nothing(catalog: Catalog, watch: Watch) -> None:
    generation = await begun(catalog)
    await catalog.generations.promise(generation.id, at=NOW)
    await catalog.images.register(of_job("own"))
    await catalog.generations.add_outputs(generation.id, [an_output(generation, n) for n in (0, 1)])
    await catalog.generations.find(generation.id)
    await catalog.generations.find_job("replicate", "job1")
    await catalog.generations.postpone(generation, until=NOW + SECOND)
    await catalog.generations.images(generation.id)
    await catalog.generations.update(generation.id, status=JobStatus.SUCCEEDED, job_id=None, at=NOW)

    assert watch.scans() == []


async def test_forgetting_an_intent_scans_nothing(catalog: Catalog, watch: Watch) -> None:
    generation = await catalog.generations.begin(a_generation(), idempotency_key=a_key())
    await catalog.generations.forget(generation.id)

    assert watch.scans() == []
    assert any("idempotency_resource (user_id=? AND resource=?)" in step for step in watch.plans())


async def test_the_clockwork_scans_nothing(catalog: Catalog, watch: Watch) -> None:
    await catalog.generations.due(now=NOW, limit=50)
    await catalog.generations.orphans(before=NOW)
    await catalog.successes.record(Task.SWEEP, at=NOW)
    await catalog.successes.latest()
    await catalog.retention.newest()
    await catalog.retention.last_sweep()
    await catalog.retention.record_sweep(Sighting(NOW, is_suspect=False))
    await catalog.retention.try_lock("sweep", owner="us", now=NOW, until=NOW + SECOND)
    await catalog.retention.unlock("sweep", owner="us")

    assert watch.scans() == []


async def test_what_an_owner_has_stored_is_found_by_the_owner(catalog: Catalog, watch: Watch) -> None:
    _ = [image async for image in catalog.retention.stored(ANA)]

    assert "SEARCH images USING INDEX images_usage (user_id=? AND status=?)" in watch.plans()[0]


async def test_a_deleted_import_is_found_by_indexes(catalog: Catalog, watch: Watch) -> None:
    generation = await begun(catalog)
    watch.clear()
    await catalog.generations.add_outputs(generation.id, [an_output(generation)])

    assert watch.scans() == []
    assert any("images_deleted_source (user_id=? AND source_key=?)" in step for step in watch.plans())


async def test_adopting_a_job_scans_nothing(catalog: Catalog, watch: Watch) -> None:
    await catalog.images.forget_owner(ANA, at=NOW)
    watch.clear()
    await catalog.generations.adopt(a_generation(job_id="job1"), made_at=NOW + SECOND)

    assert watch.scans() == []


async def test_what_is_forgotten_is_removed_by_its_key(catalog: Catalog, watch: Watch) -> None:
    image = await catalog.images.register(an_image("one"), idempotency_key=a_key())
    await catalog.images.mark_deleted(ANA, image.image.id, reason="expired", at=NOW)
    await catalog.generations.update((await begun(catalog)).id, status=JobStatus.FAILED, job_id=None, at=NOW)
    await catalog.images.forget_owner(BOB, at=NOW)
    watch.clear()
    upkeep = catalog.upkeep
    for forget in (upkeep.forget_keys, upkeep.forget_generations, upkeep.forget_captures, upkeep.forget_erasures):
        assert await forget(before=NOW + SECOND) == 1

    scanning = [step for step in watch.scans() if "DELETE" in step]
    assert scanning == []

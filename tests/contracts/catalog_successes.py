"""What every catalog promises of the log of successes."""

from app.domain.clock_guard import Sighting
from app.domain.metrics import Task
from tests.support.catalog import NOW, SECOND, Catalog


class SuccessLogContract:
    async def test_nothing_has_succeeded_at_first(self, catalog: Catalog) -> None:
        assert await catalog.successes.latest() == {}

    async def test_each_task_has_its_latest_success(self, catalog: Catalog) -> None:
        await catalog.successes.record(Task.SWEEP, at=NOW)
        await catalog.successes.record(Task.SCRUB, at=NOW)
        await catalog.successes.record(Task.SWEEP, at=NOW + SECOND)

        assert await catalog.successes.latest() == {Task.SWEEP: NOW + SECOND, Task.SCRUB: NOW}

    async def test_a_sweep_that_has_looked_at_the_clock_has_not_succeeded_yet(self, catalog: Catalog) -> None:
        await catalog.retention.record_sweep(Sighting(NOW, is_suspect=False))

        assert await catalog.successes.latest() == {}

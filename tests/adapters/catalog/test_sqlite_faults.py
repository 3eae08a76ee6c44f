"""A catalog that is full, locked, read-only, corrupt or not there: refusals, never a driver's traceback."""

import asyncio
import os
import sqlite3
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from app.adapters.catalog import database as module
from app.adapters.catalog.database import Database
from app.adapters.catalog.migrate import migrate
from app.domain.errors import Overloaded, StorageFull, StorageUnavailable
from app.domain.ids import ImageId
from tests.adapters.catalog.conftest import catalog_over
from tests.support.catalog import ANA, Catalog, an_image


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock from outside, as a copy tool or another program might."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture(autouse=True)
async def _no_thread_outlives_its_loop() -> AsyncIterator[None]:
    # A connection that fails tells its loop so a moment later.
    yield
    for thread in threading.enumerate():
        if "connection_worker" in thread.name:
            await asyncio.to_thread(thread.join, 5)


@pytest.fixture
async def hasty(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Catalog]:
    """A catalog that waits no ten seconds for a lock."""
    pragmas = tuple(pragma.replace("busy_timeout=10000", "busy_timeout=20") for pragma in module._PRAGMAS)
    monkeypatch.setattr(module, "_PRAGMAS", pragmas)
    database = Database(path)
    yield catalog_over(database)
    await database.aclose()


async def test_a_catalog_locked_by_others_is_busy_and_works_again_afterwards(hasty: Catalog, path: Path) -> None:
    with locked(path):
        with pytest.raises(Overloaded) as refused:
            await hasty.images.register(an_image("one"))
        assert refused.value.retry_after
        assert await hasty.images.find(ANA, ImageId("one")) is None

    assert (await hasty.images.register(an_image("one"))).is_new


async def test_a_lock_that_is_given_up_in_time_is_waited_for(catalog: Catalog, path: Path) -> None:
    with locked(path):
        task = asyncio.create_task(catalog.images.register(an_image("one")))
        await asyncio.sleep(0.02)
        assert not task.done()

    assert (await task).is_new


async def test_a_full_catalog_is_a_full_volume_and_still_answers(database: Database, catalog: Catalog) -> None:
    async with database.write() as writer:
        await writer.exec_driver_sql("PRAGMA max_page_count=60")

    with pytest.raises(StorageFull):
        await catalog.images.register(an_image("one", fetch_from="x" * 1_000_000))

    assert await catalog.images.find(ANA, ImageId("one")) is None
    assert await catalog.changes(ANA) == []


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "holdfast.sqlite3"
    path.write_bytes(b"This is a letter, not a catalog." * 200)

    with pytest.raises(StorageUnavailable):
        await migrate(path)


async def test_a_catalog_that_is_damaged_while_it_is_open_is_refused(path: Path) -> None:
    for _ in range(2):  # as a fresh start finds it, and once more
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(200_000))
        database = Database(path)
        catalog = catalog_over(database)
        with pytest.raises(StorageUnavailable):
            await catalog.images.register(an_image("one"))
        with pytest.raises(StorageUnavailable):
            await catalog.images.page(ANA, after=None, limit=10)
        await database.aclose()


async def test_a_catalog_without_its_tables_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "empty.sqlite3")

    with pytest.raises(StorageUnavailable):
        await catalog_over(database).images.find(ANA, ImageId("one"))
    await database.aclose()


async def test_a_catalog_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "nowhere" / "holdfast.sqlite3")

    with pytest.raises(StorageUnavailable):
        await catalog_over(database).captures.backlog()
    await database.aclose()


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageUnavailable):
        await migrate(tmp_path / "file" / "holdfast.sqlite3")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_disk_that_is_really_full_takes_no_more_and_loses_nothing(small_disk: Path) -> None:
    path = small_disk / "holdfast.sqlite3"
    await migrate(path)
    database = Database(path)
    catalog = catalog_over(database)
    await catalog.images.register(an_image("kept"))

    with pytest.raises(StorageFull):
        await catalog.images.register(an_image("large", fetch_from="x" * 2_000_000))

    assert (await catalog.get("kept")).id == ImageId("kept")
    assert await catalog.images.mark_deleted(ANA, ImageId("kept"), reason="user_request", at=an_image().created_at)
    await database.aclose()


async def test_a_disk_that_is_really_read_only_is_refused(small_disk: Path) -> None:
    path = small_disk / "holdfast.sqlite3"
    await migrate(path)
    make_read_only(small_disk)
    database = Database(path)

    with pytest.raises(StorageUnavailable):
        await catalog_over(database).images.register(an_image("one"))
    with pytest.raises(StorageUnavailable):
        await migrate(path)
    await database.aclose()


def make_read_only(mount: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)

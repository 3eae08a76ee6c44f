"""The connection to SQLite: durable, one writer at a time, and never lost to a cancellation."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from app.adapters.catalog.database import Database
from app.domain.ids import ImageId
from tests.support.catalog import ANA, NOW, Catalog, an_image

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: a commit survives the loss of power
    "busy_timeout": 10000,
    "foreign_keys": 1,
    "trusted_schema": 0,
    "cell_size_check": 1,
    "journal_size_limit": 64 * 1024 * 1024,
}


@pytest.mark.parametrize(("pragma", "value"), PRAGMAS.items(), ids=PRAGMAS)
async def test_every_connection_is_set_up(database: Database, pragma: str, value: object) -> None:
    async with database.read() as reader, database.write() as writer:
        assert await reader.scalar(text(f"PRAGMA {pragma}")) == value
        assert await writer.scalar(text(f"PRAGMA {pragma}")) == value


async def test_a_writer_holds_the_lock_from_its_first_moment(database: Database, path: Path) -> None:
    async with database.write():
        with (
            closing(sqlite3.connect(path, timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")


async def test_a_reader_holds_no_lock_and_sees_the_latest_commit(database: Database, catalog: Catalog) -> None:
    count = text("SELECT count(*) FROM images")
    async with database.read() as reader:
        assert await reader.scalar(count) == 0
        await catalog.images.register(an_image("one"))
        assert await reader.scalar(count) == 1


async def test_a_transaction_that_raises_is_undone(database: Database) -> None:
    async def half() -> None:
        async with database.write() as writer:
            await writer.execute(text("INSERT INTO users (user_id, last_change) VALUES ('ana', 1)"))
            raise KeyError

    with pytest.raises(KeyError):
        await half()

    async with database.read() as reader:
        assert await reader.scalar(text("SELECT count(*) FROM users")) == 0


async def test_what_was_committed_is_there_for_another_process(catalog: Catalog, path: Path) -> None:
    await catalog.images.register(an_image("one"))

    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT user_id, id FROM images").fetchall() == [("ana", "one")]


async def test_closing_leaves_one_file_without_a_log_beside_it(path: Path) -> None:
    database = Database(path)
    async with database.write() as writer:
        await writer.execute(text("INSERT INTO users (user_id, last_change) VALUES ('ana', 1)"))
    assert path.with_name(f"{path.name}-wal").exists()

    await database.aclose()

    assert [file.name for file in path.parent.iterdir() if file.name.startswith(path.name)] == [path.name]


async def test_more_readers_and_writers_than_connections_all_have_their_turn(catalog: Catalog) -> None:
    await asyncio.gather(
        *(catalog.images.register(an_image(f"i{number}")) for number in range(40)),
        *(catalog.images.usage(ANA) for _ in range(40)),
    )

    assert (await catalog.images.usage(ANA)).capturing == 40


@pytest.mark.parametrize("is_writing", [True, False], ids=["writing", "reading"])
async def test_whoever_is_cancelled_at_any_moment_leaves_all_or_nothing(catalog: Catalog, *, is_writing: bool) -> None:
    for number in range(60):
        new = an_image(f"i{number}")
        work = catalog.images.register(new) if is_writing else catalog.images.find(ANA, new.id)
        task = asyncio.create_task(work)  # type: ignore[arg-type]
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    last = await catalog.images.register(an_image("last"))
    images = await catalog.images.page(ANA, after=None, limit=100)
    claimed = await catalog.claim(limit=100)
    sequence = [number for number, _, _ in await catalog.changes(ANA)]
    assert last.is_new
    assert len(images) == len(claimed) == len(sequence)
    assert sequence == list(range(1, len(sequence) + 1))


async def test_one_who_is_cancelled_while_waiting_for_a_turn_takes_none(catalog: Catalog, database: Database) -> None:
    async with database.write():
        task = asyncio.create_task(catalog.images.register(an_image("one")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert await catalog.images.find(ANA, ImageId("one")) is None


async def test_a_clock_is_kept_to_the_microsecond(catalog: Catalog) -> None:
    odd = NOW.replace(microsecond=123457)

    await catalog.images.register(an_image("one", created_at=odd))

    assert (await catalog.get("one")).created_at == odd

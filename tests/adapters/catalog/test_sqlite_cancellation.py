"""Whoever waits for a statement may be cancelled; the statement is carried out, and nothing outlives the close."""

import asyncio
from pathlib import Path

from sqlalchemy import text

from app.adapters.catalog.database import Database
from app.adapters.catalog.migrate import migrate

_SLOW = text(
    "INSERT INTO users WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 300000) "
    "SELECT 'u' || max(x), 0 FROM n"
)


async def test_a_statement_nobody_waits_for_is_over_when_the_catalog_is_closed(tmp_path: Path) -> None:
    await migrate(tmp_path / "holdfast.db")
    database = Database(tmp_path / "holdfast.db")
    begun = asyncio.Event()

    async def write() -> None:
        async with database.write() as connection:
            begun.set()
            await connection.execute(_SLOW)

    writing = asyncio.create_task(write())
    await begun.wait()
    await asyncio.sleep(0.02)  # until the statement is under way
    threads = list(database._threads)
    writing.cancel()
    await asyncio.wait({writing})
    await database.aclose()

    assert threads
    assert not any(thread.is_alive() for thread in threads)

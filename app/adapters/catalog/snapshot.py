"""The catalog as of one moment, by SQLite's backup API: copying the file alone would miss its write-ahead log."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from app.domain.errors import StorageFull, StorageUnavailable


async def snapshot(database: Path, target: Path) -> None:
    """Write the catalog in *database* to *target*, durably; writers are not held up."""
    await asyncio.to_thread(_snapshot, database, target)


def _snapshot(database: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            # A copy stands alone: no log beside it that could be forgotten.
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise StorageFull("There is no room for the backup.") from error
        raise StorageUnavailable("The catalog cannot be copied.") from error
    with target.open("rb") as file:
        os.fsync(file.fileno())

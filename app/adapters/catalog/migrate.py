"""Brings the schema up to date, at start, one process at a time."""

import asyncio
import fcntl
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, create_engine

from app.adapters.catalog.database import translated

_MIGRATIONS = Path(__file__).parent / "migrations"


async def migrate(path: Path) -> None:
    """Create or upgrade the database at *path*; waits for another process that is doing the same."""
    await asyncio.to_thread(_migrate, path)


def _migrate(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with translated(), (path.parent / f".{path.name}.migrate").open("w") as lock:
        # The lock is the file's, not the database's: it is gone when the process is.
        fcntl.flock(lock, fcntl.LOCK_EX)
        engine = create_engine(URL.create("sqlite", database=str(path)))
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                config = Config()
                config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.commit()
        finally:
            engine.dispose()

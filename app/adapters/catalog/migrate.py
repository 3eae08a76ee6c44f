"""Brings the schema up to date, at start, one process at a time."""

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, create_engine, event

from app.adapters.catalog.database import begin, prepare, translated
from app.domain.errors import StorageUnavailable

_MIGRATIONS = Path(__file__).parent / "migrations"


async def migrate(path: Path) -> None:
    """Create or upgrade the database at *path*; waits for another process that is doing the same."""
    await asyncio.to_thread(_migrate, path)


def _migrate(path: Path) -> None:
    with translated(), _locked(path):
        engine = create_engine(URL.create("sqlite", database=str(path)))
        event.listen(engine, "connect", prepare)
        event.listen(engine, "begin", begin)
        try:
            # One transaction, the mark of how far we came included: a start that is killed half-way has done nothing.
            with engine.begin() as connection:
                _upgrade(connection)
        except CommandError as error:
            raise StorageUnavailable("The catalog was written by a newer version of this program.") from error
        finally:
            engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.parent / f".{path.name}.migrate").open("w") as lock:
            # The lock is the file's, not the database's: it is gone when the process is.
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise StorageUnavailable("The catalog's folder cannot be used.") from error

"""Brings the schema up to date, at start, one process at a time."""

import asyncio
import fcntl
import os
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


def _make_folder(folder: Path) -> None:
    """Make *folder* and its parents durably: what is committed below a name that is forgotten is lost."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        _make_folder(path.parent)
        with (path.parent / f".{path.name}.migrate").open("w") as lock:
            # The lock is the file's, not the database's: it is gone when the process is.
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise StorageUnavailable(f"The catalog's folder cannot be used: {error.strerror or error}.") from error

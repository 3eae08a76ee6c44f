"""The connection to SQLite: one writer, several readers, durable commits.

Every write transaction begins with `BEGIN IMMEDIATE`: one that starts as a read and upgrades later gets SQLITE_BUSY
at once, whatever the time-out.  `synchronous=FULL` makes a commit survive power loss; NORMAL would not, in WAL mode.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.domain.errors import AppError, Overloaded, StorageFull, StorageUnavailable

_READERS = 4
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA busy_timeout=10000",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
)


class Database:
    """A SQLite file, opened by `connect` and closed by `aclose`."""

    def __init__(self, path: Path) -> None:
        url = URL.create("sqlite+aiosqlite", database=str(path))
        self._writer = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=30)
        self._readers = create_async_engine(url, pool_size=_READERS, max_overflow=0, pool_timeout=30)
        self._turn = asyncio.Lock()
        for engine in (self._writer, self._readers):
            event.listen(engine.sync_engine, "connect", prepare)
        event.listen(self._writer.sync_engine, "begin", begin)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection for statements that change nothing; each sees the latest commit."""
        with translated():
            async with self._readers.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that is durable once the block ends, or undone if it raises."""
        # The lock keeps our own writers in order without holding them to the pool's time-out.
        async with self._turn:
            with translated():
                async with self._writer.begin() as connection:
                    yield connection

    async def aclose(self) -> None:
        for engine in self._engines():
            await engine.dispose()

    def _engines(self) -> tuple[AsyncEngine, AsyncEngine]:
        return self._readers, self._writer


def prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Set a new connection up."""
    # Without this the driver begins transactions of its own, deferred ones.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def begin(connection: Connection) -> None:
    """Begin a transaction that writes."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's failures into refusals; a broken constraint stays the bug it is."""
    try:
        yield
    except exc.TimeoutError as error:
        raise Overloaded("The catalog is busy.", retry_after=1) from error
    except (exc.OperationalError, exc.DatabaseError) as error:
        if isinstance(error, exc.IntegrityError | exc.ProgrammingError | exc.DataError):
            raise
        raise _refusal(error.orig) from error


def _refusal(cause: BaseException | None) -> AppError:
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageFull("The volume is full.", retry_after=60)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Overloaded("The catalog is busy.", retry_after=1)
    return StorageUnavailable("The catalog is unavailable.", retry_after=5)

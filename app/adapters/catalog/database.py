"""The connection to SQLite: one writer, several readers, durable commits.

Every write transaction begins with `BEGIN IMMEDIATE`: one that starts as a read and upgrades later gets SQLITE_BUSY
at once, whatever the time-out.  `synchronous=FULL` makes a commit survive power loss; NORMAL would not, in WAL mode.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread
from weakref import WeakSet

import aiosqlite
from sqlalchemy import URL, Connection, event, exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.domain.errors import AppError, Overloaded, StorageFull, StorageUnavailable

_READERS = 4
_LAST_STATEMENT_SECONDS = 15.0
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
        self._path = path
        self._writer = self._engine(1)
        self._readers = self._engine(_READERS)
        self._turn = asyncio.Lock()
        self._threads: WeakSet[Thread] = WeakSet()
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
        # A statement whose waiter was cancelled is still carried out, and holds its lock until then: the next one to
        # open this file must not meet it, nor may its thread report to a loop that is gone.
        for thread in tuple(self._threads):
            if thread.ident is not None:
                await asyncio.to_thread(thread.join, _LAST_STATEMENT_SECONDS)

    def _engine(self, connections: int) -> AsyncEngine:
        url = URL.create("sqlite+aiosqlite", database=str(self._path))
        return create_async_engine(
            url, async_creator=self._connect, pool_size=connections, max_overflow=0, pool_timeout=30
        )

    async def _connect(self) -> aiosqlite.Connection:
        connection = aiosqlite.connect(self._path, check_same_thread=False)
        self._threads.add(connection._thread)  # noqa: SLF001 (nothing public tells when it has ended)
        return await connection

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

"""The connection to SQLite: one writer, several readers, durable commits.

Every write transaction begins with `BEGIN IMMEDIATE`: one that starts as a read and upgrades later gets SQLITE_BUSY
at once, whatever the time-out.  `synchronous=FULL` makes a commit survive power loss; NORMAL would not, in WAL mode.

After a failed write or sync the kernel may hold pages that it calls clean and never wrote: asking again can succeed
falsely.  So nothing is written any more, and `failed` says so: a new process, which reads the file anew, may go on.
"""

import asyncio
import logging
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

from app.adapters.catalog.failing_disk import DiskFault, examine
from app.domain.errors import AppError, Overloaded, StorageFull, StorageUnavailable

log = logging.getLogger(__name__)

_READERS = 4
_LAST_STATEMENT_SECONDS = 15.0
_FAILED_WRITES = {
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
}
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
    """A SQLite file, opened when it is first used and closed by `aclose`.

    *failed* is set once its disk has failed: the process is to end.
    """

    def __init__(self, path: Path) -> None:
        self.failed = asyncio.Event()
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
        async with self._examined(), self._readers.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that is durable once the block ends, or undone if it raises."""
        # The lock keeps our own writers in order without holding them to the pool's time-out.
        async with self._turn:
            if self.failed.is_set():
                raise _unavailable()
            async with self._examined(), self._writer.begin() as connection:
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

    @asynccontextmanager
    async def _examined(self) -> AsyncIterator[None]:
        """Translate; where SQLite says no more than that a call failed, the disk is asked why."""
        try:
            with translated():
                yield
        except StorageUnavailable as refusal:
            code = _failed_call(refusal.__cause__)
            if code is None:
                raise
            fault = await asyncio.to_thread(examine, self._path.parent)
            if fault is DiskFault.FAILING or (fault is None and code in _FAILED_WRITES):
                self._distrust(refusal)
            raise _told(fault) from refusal

    def _distrust(self, refusal: AppError) -> None:
        if not self.failed.is_set():
            log.critical("the catalog's disk failed: this process writes no more", exc_info=refusal)
            self.failed.set()

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
    kind = _code(cause) & 0xFF
    if kind == sqlite3.SQLITE_FULL:
        return _full()
    if kind in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Overloaded("The catalog is busy.", retry_after=1)
    return _unavailable()


def _failed_call(error: BaseException | None) -> int | None:
    """Return SQLite's code if a call to the system failed."""
    code = _code(getattr(error, "orig", None))
    return code if code & 0xFF in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN} else None


def _code(cause: BaseException | None) -> int:
    return getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


def _told(fault: DiskFault | None) -> AppError:
    if fault is DiskFault.FULL:
        return _full()
    if fault is DiskFault.NO_DESCRIPTORS:
        return Overloaded("Too many files are open.", retry_after=1)
    if fault is DiskFault.READ_ONLY:
        return StorageUnavailable("The volume is read-only.", retry_after=5)
    return _unavailable()


def _full() -> AppError:
    return StorageFull("The volume is full.", retry_after=60)


def _unavailable() -> AppError:
    return StorageUnavailable("The catalog is unavailable.", retry_after=5)

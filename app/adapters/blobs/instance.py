"""One instance at a time per volume: a lock that is gone when its process is."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.adapters.blobs.faults import translated
from app.domain.errors import StorageUnavailable

_LOOK_AGAIN_SECONDS = 0.2


@asynccontextmanager
async def only_instance(folder: Path, *, patience: float, lock: int | None = None) -> AsyncIterator[None]:
    """Hold *folder* for the length of the block; wait *patience* seconds for the one before us to end.

    Raise `StorageUnavailable` when it does not.  *lock* is what `open_lock` returned in the process that started this
    one; then the folder is held until every process that has inherited it is gone.
    """
    with translated():
        lock = await asyncio.to_thread(open_lock, folder) if lock is None else os.dup(lock)
    try:
        await _acquire(lock, folder, patience)
        yield
    finally:
        os.close(lock)


async def _acquire(lock: int, folder: Path, patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            while not _try_lock(lock):  # noqa: ASYNC110 (another process's lock wakes nobody here)
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise StorageUnavailable(f"Another instance is using {folder}.") from None


def open_lock(folder: Path) -> int:
    """Return the lock of *folder*, open and free."""
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / ".holdfast.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

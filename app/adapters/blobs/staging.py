"""A file that is being written.  Its writer holds a lock on it, so a sweep knows whose writer is dead."""

import asyncio
import fcntl
import hashlib
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiofiles
from aiofiles.threadpool.binary import AsyncFileIO

from app.adapters.blobs.faults import translated
from app.adapters.blobs.threads import finished
from app.domain.errors import StorageUnavailable
from app.domain.images import Digest

log = logging.getLogger(__name__)

_ROOM_STEP = 4 * 2**20


class FileStaging:
    """One file under the store's staging folder; made by `VolumeBlobStore.stage`."""

    def __init__(
        self, path: Path, *, require_room: Callable[[], Awaitable[None]] | None = None, is_durable: bool = True
    ) -> None:
        """*require_room* is asked every few MiB: a large source must not eat what is kept for deletions.

        What is not to be *is_durable* is sealed without waiting for the disk.
        """
        self._path = path
        self._require_room = require_room
        self._is_durable = is_durable
        self._file: AsyncFileIO | None = None
        self._hash = hashlib.sha256()
        self._size = 0
        self._is_sealed = False

    @property
    def path(self) -> Path:
        return self._path

    @property
    def size(self) -> int:
        return self._size

    async def create(self) -> None:
        with translated():
            await finished(self._create())

    async def write(self, chunk: bytes) -> None:
        file = self._writable()
        with translated():
            view = memoryview(chunk)
            while view:
                view = view[await finished(file.write(view)) :]
        self._hash.update(chunk)
        steps = self._size // _ROOM_STEP
        self._size += len(chunk)
        if self._require_room is not None and self._size // _ROOM_STEP > steps:
            await self._require_room()

    async def restart(self) -> None:
        file = self._writable()
        with translated():
            await finished(file.seek(0))
            await finished(file.truncate(0))
        self._hash = hashlib.sha256()
        self._size = 0

    async def seal(self) -> Digest:
        file = self._writable()
        # Also when it fails: a second fsync of the same file could succeed without the bytes of the first.
        self._is_sealed = True
        with translated():
            written = await finished(asyncio.to_thread(_sync if self._is_durable else _size, file.fileno()))
        if written != self._size:
            raise StorageUnavailable("The volume did not keep what was written.", retry_after=5)
        return Digest(size=self._size, sha256=self._hash.hexdigest())

    async def discard(self) -> None:
        """Close the file, and remove its staging name if it still has it."""
        try:
            await finished(self._discard())
        except OSError:
            # Not worth failing for what has been published; what is left goes with the next start.
            log.warning("a staging file is left", extra={"path": str(self._path)}, exc_info=True)

    async def _create(self) -> None:
        self._file = await aiofiles.open(self._path, "xb", buffering=0, opener=_create_locked)

    async def _discard(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return  # never made, so nothing is left
        try:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)
        finally:
            await file.close()

    def _writable(self) -> AsyncFileIO:
        if self._file is None or self._is_sealed:
            raise ValueError("this staging is sealed or closed")
        return self._file


def sweep(folder: Path) -> None:
    """Remove the files in *folder* whose writers are gone."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                _remove_abandoned(Path(entry.path))


def _remove_abandoned(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def _create_locked(path: str, flags: int) -> int:
    while True:
        descriptor = os.open(path, flags | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        # A sweep may come between the two lines; it is gone in a moment, and the file with it.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _sync(descriptor: int) -> int:
    """Make the file durable and return its size."""
    os.fsync(descriptor)
    return _size(descriptor)


def _size(descriptor: int) -> int:
    return os.fstat(descriptor).st_size

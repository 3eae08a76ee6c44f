"""A file that is being written.  Its writer holds a lock on it, so a sweep knows whose writer is dead."""

import asyncio
import fcntl
import hashlib
import os
from pathlib import Path

import aiofiles
from aiofiles.threadpool.binary import AsyncFileIO

from app.adapters.blobs.faults import translated
from app.domain.errors import StorageUnavailable
from app.domain.images import Digest


class FileStaging:
    """One file under the store's staging folder; made by `VolumeBlobStore.stage`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: AsyncFileIO | None = None
        self._hash = hashlib.sha256()
        self._size = 0

    @property
    def path(self) -> Path:
        return self._path

    @property
    def size(self) -> int:
        return self._size

    async def create(self) -> None:
        with translated():
            file = await aiofiles.open(self._path, "xb", buffering=0, opener=_exclusive)
            self._file = file
            # Nobody else can hold it yet, so this never waits.
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    async def write(self, chunk: bytes) -> None:
        file = self._open()
        with translated():
            view = memoryview(chunk)
            while view:
                view = view[await file.write(view) :]
        self._hash.update(chunk)
        self._size += len(chunk)

    async def restart(self) -> None:
        file = self._open()
        with translated():
            await file.seek(0)
            await file.truncate(0)
        self._hash = hashlib.sha256()
        self._size = 0

    async def seal(self) -> Digest:
        file = self._open()
        with translated():
            # A failed fsync is final: this file is thrown away, never synced again.
            await asyncio.to_thread(os.fsync, file.fileno())
            written = (await asyncio.to_thread(os.fstat, file.fileno())).st_size
        if written != self._size:
            raise StorageUnavailable("The volume did not keep what was written.", retry_after=5)
        return Digest(size=self._size, sha256=self._hash.hexdigest())

    async def aclose(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with translated():
                await file.close()

    def _open(self) -> AsyncFileIO:
        if self._file is None:
            raise ValueError("this staging is closed")
        return self._file


def _exclusive(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)


def is_abandoned(path: Path) -> bool:
    """Return whether the process that was writing *path* is gone."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True

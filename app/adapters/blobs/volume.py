"""`BlobStore` in a folder: `<root>/<user>/<id>.<extension>`, with staging and quarantine beside the owners.

User ids cannot start with a dot, so `.staging` and `.quarantine` are nobody's.  They lie under the root because a name
can be published without copying only within one file system.
"""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from app.adapters.blobs import publishing
from app.adapters.blobs.faults import translated
from app.adapters.blobs.staging import FileStaging, sweep
from app.adapters.blobs.threads import finished
from app.domain.errors import NotFound, StorageFull, StorageUnavailable
from app.domain.ports import KeyTaken, Space, Staging

_CHUNK = 256 * 1024


async def _nothing(_key: str) -> None:
    """Forget nothing: nothing is derived from these bytes."""


class FileBlob:
    """An open file.  Reads are positioned, so several may run at once."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._size = os.fstat(file.fileno()).st_size

    @property
    def size(self) -> int:
        return self._size

    @property
    def file(self) -> BinaryIO | None:
        return self._file

    @property
    def path(self) -> Path | None:
        return self._path

    async def chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        while start < stop:
            with translated():
                chunk = await asyncio.to_thread(os.pread, self._file.fileno(), min(_CHUNK, stop - start), start)
            if not chunk:
                raise StorageUnavailable("The file is shorter than it was.")
            start += len(chunk)
            yield chunk

    async def aclose(self) -> None:
        self._file.close()


class VolumeBlobStore:
    """Keeps blobs below *root*; *reserve* bytes stay free, so that deletions and the catalog still work."""

    def __init__(
        self,
        root: Path,
        *,
        new_name: Callable[[], str],
        reserve: int,
        forget: Callable[[str], Awaitable[None]] = _nothing,
    ) -> None:
        """*forget* is told each key that has been deleted: what was derived from those bytes goes with them."""
        self._root = root
        self._staging = root / ".staging"
        self._quarantine = root / ".quarantine"
        self._new_name = new_name
        self._reserve = reserve
        self._forget = forget

    async def prepare(self) -> None:
        """Make the folders durably, and remove what writers that died left in staging."""
        with translated():
            await finished(asyncio.to_thread(self._prepare))

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[FileStaging]:
        await self.require_room(0)
        staging = FileStaging(self._staging / self._new_name(), require_room=lambda: self.require_room(0))
        try:
            await staging.create()
            yield staging
        finally:
            await staging.discard()

    async def publish(self, staging: Staging, key: str, *, displace: bool = False) -> None:
        aside = self._quarantine / f"{key}.{self._new_name()}" if displace else None
        with translated():
            try:
                await finished(asyncio.to_thread(publishing.publish, staging.path, self._path(key), aside))
            except FileExistsError:
                if displace:
                    raise  # somebody has been there again, that very moment
                raise KeyTaken(key) from None

    async def open(self, key: str) -> FileBlob:
        # On the loop: opening a local file takes microseconds, a thread hop several times that (benchmarks/README.md).
        try:
            path = self._path(key)
            return FileBlob(open_regular(path), path)
        except FileNotFoundError:
            raise NotFound("No such image.") from None
        except OSError:
            with translated():
                raise

    async def delete(self, key: str) -> None:
        with translated():
            await finished(asyncio.to_thread(publishing.remove, self._path(key)))
        await self._forget(key)

    async def probe(self) -> None:
        async with self.stage() as staging:
            await staging.write(b"holdfast")
            await staging.seal()
            with translated():
                read = await asyncio.to_thread(staging.path.read_bytes)
        if read != b"holdfast":
            raise StorageUnavailable("The volume did not keep what was written.")

    async def require_room(self, size: int) -> None:
        space = await self.space()
        # On a small volume a fixed reserve would be all of it.
        if space.free - size < min(self._reserve, space.total // 10):
            raise StorageFull("The volume is full.", retry_after=60)

    async def space(self) -> Space:
        with translated():
            volume = await asyncio.to_thread(os.statvfs, self._root)
        # A volume without free inodes takes no new file, however many bytes are free.
        free = volume.f_bavail * volume.f_frsize if volume.f_favail or not volume.f_files else 0
        return Space(total=volume.f_blocks * volume.f_frsize, free=free)

    def _path(self, key: str) -> Path:
        return self._root / key

    def _prepare(self) -> None:
        for folder in (*reversed(self._root.parents), self._root, self._staging, self._quarantine):
            if not folder.is_dir():
                publishing.make_folder(folder)
        # An owner's folder may have been made by a process that died before it could sync it.
        publishing.sync_folder(self._root)
        sweep(self._staging)


def open_regular(path: Path) -> BinaryIO:
    """Open a file and nothing else, waiting for nothing; raise `OSError`."""
    # O_NONBLOCK: opening a pipe would wait for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return open(descriptor, "rb", buffering=0)  # noqa: PTH123 (a descriptor, not a path), SIM115 (the blob closes it)

"""`BackupTarget` as a folder laid out like the data folder: `holdfast.db` beside `images/`."""

import asyncio
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.domain.errors import InvalidInput, NotFound, StorageFull, StorageUnavailable

_PART = ".part"


class FolderBackup:
    """*folder* may lie anywhere, such as on another disk, but not within *apart_from*."""

    def __init__(self, folder: Path, *, apart_from: Path | None = None) -> None:
        if apart_from is not None and folder.resolve().is_relative_to(apart_from.resolve()):
            raise InvalidInput("A backup cannot lie within what it is a backup of.", field="folder")
        self._folder = folder
        self._images = folder / "images"

    @property
    def draft(self) -> Path:
        return self._folder / ".holdfast.db.part"

    async def prepare(self) -> None:
        with _translated():
            await asyncio.to_thread(self._prepare)

    async def add(self, key: str, source: Path, size: int) -> bool:
        with _translated():
            return await asyncio.to_thread(_copy, source, self._images / key, size)

    async def keep_draft(self) -> None:
        with _translated():
            await asyncio.to_thread(self._keep_draft)

    async def keep_only(self, keys: set[str]) -> int:
        with _translated():
            return await asyncio.to_thread(self._keep_only, keys)

    def _prepare(self) -> None:
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._images.mkdir(mode=0o750, exist_ok=True)
        # The mark of a used volume: a restored folder must pass for one.
        (self._images / ".holdfast-volume").touch()

    def _keep_draft(self) -> None:
        self.draft.chmod(0o640)
        self.draft.replace(self._folder / "holdfast.db")
        _sync(self._folder)

    def _keep_only(self, keys: set[str]) -> int:
        unwanted = [
            path
            for path in self._images.glob("[!.]*/*")
            if path.name.endswith(_PART) or path.relative_to(self._images).as_posix() not in keys
        ]
        for path in unwanted:
            path.unlink(missing_ok=True)
        return len(unwanted)


def _copy(source: Path, target: Path, size: int) -> bool:
    try:
        # Images never change, so one of the same name and size is the same one.
        if target.stat().st_size == size:
            return False
    except FileNotFoundError:
        target.parent.mkdir(exist_ok=True)
    part = target.with_name(target.name + _PART)
    shutil.copyfile(source, part)
    part.chmod(0o640)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)
    _sync(target.parent)
    return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound("That file has gone.") from None
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFull("There is no room for the backup.") from error
        raise StorageUnavailable("The backup's folder cannot be used.") from error

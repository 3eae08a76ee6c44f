"""`BackupTarget` as a folder laid out like the data folder: `holdfast.db` beside `images/`."""

import asyncio
import errno
import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

from app.adapters.backup.copying import PART, copy_image, sync_folder
from app.adapters.backup.places import CATALOG, DRAFT, MARKER, require_place
from app.domain.backup import Copying
from app.domain.errors import StorageFull, StorageUnavailable
from app.domain.images import Digest
from app.domain.recovery import parse_key


class FolderBackup:
    """*folder* may lie anywhere, such as on another disk, but apart from *live*: what the service runs on."""

    def __init__(self, folder: Path, *, live: Sequence[Path] = ()) -> None:
        self._folder = folder
        self._live = tuple(live)
        self._images = folder / "images"

    @property
    def draft(self) -> Path:
        return self._folder / DRAFT

    async def prepare(self) -> None:
        with _translated():
            await asyncio.to_thread(self._prepare)

    async def add(self, key: str, source: Path, digest: Digest) -> Copying:
        with _translated():
            return await asyncio.to_thread(copy_image, source, self._images / key, digest)

    async def keep_draft(self) -> None:
        with _translated():
            await asyncio.to_thread(self._keep_draft)

    async def keys(self) -> AbstractSet[str]:
        with _translated():
            return await asyncio.to_thread(lambda: {name for name in self._names() if parse_key(name) is not None})

    async def remove(self, keys: AbstractSet[str]) -> None:
        with _translated():
            await asyncio.to_thread(self._remove, keys)

    def _prepare(self) -> None:
        require_place(self._folder, live=self._live)
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        # First of all: a backup cut short right here is found to be one.
        (self._folder / MARKER).touch(mode=0o640)
        self._images.mkdir(mode=0o750, exist_ok=True)
        # The mark of a used volume: a restored folder must pass for one.
        (self._images / ".holdfast-volume").touch()
        # What a backup cut short has left, perhaps of an image deleted since.
        self._remove({name for name in self._names() if name.endswith(PART) and parse_key(name.removesuffix(PART))})
        sync_folder(self._folder)

    def _keep_draft(self) -> None:
        self.draft.chmod(0o640)
        self.draft.replace(self._folder / CATALOG)
        sync_folder(self._folder)

    def _names(self) -> Iterator[str]:
        """Yield every file in an owner's folder as `<user>/<name>`; links are followed nowhere."""
        with os.scandir(self._images) as found:
            owners = [owner.name for owner in found if owner.is_dir(follow_symlinks=False)]
        for owner in owners:
            with os.scandir(self._images / owner) as files:
                yield from [f"{owner}/{file.name}" for file in files if file.is_file(follow_symlinks=False)]

    def _remove(self, names: AbstractSet[str]) -> None:
        for name in names:
            (self._images / name).unlink(missing_ok=True)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFull("There is no room for the backup.") from error
        raise StorageUnavailable("The backup's folder cannot be used.") from error

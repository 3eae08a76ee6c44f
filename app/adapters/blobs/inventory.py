"""`BlobInventory` of a folder: what really lies there."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from app.adapters.blobs import publishing
from app.adapters.blobs.faults import translated
from app.domain.errors import NotFound
from app.domain.images import Digest
from app.domain.recovery import BlobEntry, parse_key

_BATCH = 2000
_CHUNK = 1024 * 1024
_MARKER = ".holdfast-volume"


class VolumeInventory:
    """Looks at the folder *root* of a `VolumeBlobStore`."""

    def __init__(self, root: Path, *, new_name: Callable[[], str]) -> None:
        self._root = root
        self._quarantine = root / ".quarantine"
        self._new_name = new_name

    async def entries(self) -> AsyncIterator[BlobEntry]:
        found = self._walk()
        with translated():
            # In batches: a thread hop for each of 100,000 files would take longer than looking at them.
            while batch := await asyncio.to_thread(lambda: list(islice(found, _BATCH))):
                for entry in batch:
                    yield entry

    async def digest(self, key: str) -> Digest:
        with translated():
            try:
                return await asyncio.to_thread(_digest, self.path(key))
            except FileNotFoundError:
                raise NotFound("No such image.") from None

    def path(self, key: str) -> Path:
        return self._root / key

    async def set_aside(self, key: str) -> None:
        aside = self._quarantine / f"{key}.{self._new_name()}"
        with translated():
            await asyncio.to_thread(publishing.set_aside, self.path(key), aside)

    async def has_marker(self) -> bool:
        with translated():
            return await asyncio.to_thread((self._root / _MARKER).exists)

    async def set_marker(self) -> None:
        with translated():
            await asyncio.to_thread(self._set_marker)

    def _set_marker(self) -> None:
        self._root.mkdir(mode=0o750, parents=True, exist_ok=True)
        (self._root / _MARKER).write_text("Holdfast keeps images here.\n")
        publishing.sync_folder(self._root)

    def _walk(self) -> Iterator[BlobEntry]:
        with os.scandir(self._root) as owners:
            folders = [owner.name for owner in owners if owner.is_dir(follow_symlinks=False)]
        for owner in folders:
            if not owner.startswith("."):
                yield from self._walk_owner(owner)

    def _walk_owner(self, owner: str) -> Iterator[BlobEntry]:
        with os.scandir(self._root / owner) as files:
            for file in files:
                key = f"{owner}/{file.name}"
                if parse_key(key) is not None and file.is_file(follow_symlinks=False):
                    facts = file.stat(follow_symlinks=False)
                    modified_at = datetime.fromtimestamp(facts.st_mtime, UTC)
                    yield BlobEntry(key=key, size=facts.st_size, modified_at=modified_at)


def _digest(path: Path) -> Digest:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Digest(size=size, sha256=digest.hexdigest())

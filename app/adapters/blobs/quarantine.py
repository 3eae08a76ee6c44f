"""`Quarantine` in a folder: `<user>/<id>.<extension>.<some name>`, as `publishing.set_aside` puts it there."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from app.adapters.blobs import publishing
from app.adapters.blobs.faults import translated
from app.adapters.blobs.threads import finished
from app.domain.upkeep import SetAside

_BATCH = 500


class VolumeQuarantine:
    """The quarantine below the *root* of a `VolumeBlobStore`.

    Folders stay when they are empty: one that goes could be missed by who is just putting something into it.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / ".quarantine"

    async def entries(self) -> AsyncIterator[SetAside]:
        found = self._walk()
        with translated():
            while batch := await asyncio.to_thread(lambda: list(islice(found, _BATCH))):
                for entry in batch:
                    yield entry

    async def remove(self, entry: SetAside) -> None:
        with translated():
            await finished(asyncio.to_thread(publishing.remove, self._folder / entry.name))

    def _walk(self) -> Iterator[SetAside]:
        with os.scandir(self._folder) as owners:
            folders = [owner.name for owner in owners if owner.is_dir(follow_symlinks=False)]
        for owner in folders:
            with os.scandir(self._folder / owner) as files:
                for file in files:
                    if file.is_file(follow_symlinks=False):
                        yield _entry(owner, file)


def _entry(owner: str, file: "os.DirEntry[str]") -> SetAside:
    facts = file.stat(follow_symlinks=False)
    # Moving a file changes when it was changed last, not when its bytes were.
    since = datetime.fromtimestamp(max(facts.st_ctime, facts.st_mtime), UTC)
    name = f"{owner}/{file.name}"
    return SetAside(name=name, key=name.rpartition(".")[0], size=facts.st_size, since=since)

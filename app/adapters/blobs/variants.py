"""`VariantCache` in a folder: `<root>/<blob key>/<which>.<sha256>.<extension>`, the least recently used going first.

A file's name carries the hash of its bytes: so nothing has to be synced: what a power cut tore is found out when it is
first read, and made anew.  Several processes may share the folder; each believes only what it finds there.
"""

import asyncio
import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from app.adapters.blobs.faults import translated
from app.adapters.blobs.staging import sweep
from app.adapters.blobs.threads import finished
from app.adapters.blobs.volume import FileBlob, open_regular
from app.adapters.blobs.weighing import Weighed, removals, weigh
from app.domain.ports import Clock, Variant
from app.domain.variants import VariantFacts, VariantKey

# To be counted up when renderings come out differently: then all are made anew.
_EDITION = "1"
_MOST_KNOWN = 20_000
_NAME = re.compile(r"(?P<which>[a-z0-9-]+)\.(?P<sha256>[0-9a-f]{64})\.(?P<extension>[a-z]+)")
_SHARE_OF_VOLUME = 10
_LOOKS = 20  # at what the other processes keep, while a whole budget is written
_TRIES = 5


class VariantFolder:
    """Keeps at most *budget* bytes, and at most a tenth of the volume, below *root*."""

    def __init__(self, root: Path, *, budget: int, new_name: Callable[[], str], clock: Clock) -> None:
        self._root = root
        self._making = root / ".making"
        self._budget = budget
        self._new_name = new_name
        self._clock = clock
        self._known: OrderedDict[VariantKey, tuple[Path, VariantFacts]] = OrderedDict()
        self._used: dict[Path, float] = {}
        self._weight: int | None = None
        self._grown = 0
        self._turn = asyncio.Lock()

    async def find(self, key: VariantKey) -> Variant | None:
        with translated():
            known = self._known.get(key) or await asyncio.to_thread(self._look, key)
            if known is None:
                return None
            path, facts = known
            try:
                blob = FileBlob(open_regular(path), path)
            except FileNotFoundError:
                self._known.pop(key, None)  # another process has made room, or deleted the image
                return None
        self._remember(key, path, facts)
        return Variant(facts=facts, blob=blob)

    async def keep(self, key: VariantKey, facts: VariantFacts, content: bytes) -> None:
        with translated():
            async with self._turn:
                path = await finished(asyncio.to_thread(self._keep, key, facts, content))
        if path is not None:
            self._remember(key, path, facts)

    async def forget(self, blob: str) -> None:
        with translated():
            await finished(asyncio.to_thread(self._forget, blob))

    async def sources(self) -> list[str]:
        with translated():
            return await asyncio.to_thread(self._sources)

    def _remember(self, key: VariantKey, path: Path, facts: VariantFacts) -> None:
        self._known[key] = path, facts
        self._known.move_to_end(key)
        self._used[path] = self._clock().timestamp()
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _look(self, key: VariantKey) -> tuple[Path, VariantFacts] | None:
        """Return what an earlier process or another one has kept, once its bytes are what its name says."""
        folder = self._root / key.blob
        for name in _names(folder):
            parts = _NAME.fullmatch(name)
            if parts is None or parts["which"] != _which(key) or parts["extension"] != key.rendering.extension:
                continue
            content = (folder / name).read_bytes()
            if hashlib.sha256(content).hexdigest() == parts["sha256"]:
                facts = VariantFacts(extension=parts["extension"], size=len(content), sha256=parts["sha256"])
                return folder / name, facts
            (folder / name).unlink(missing_ok=True)
        return None

    def _keep(self, key: VariantKey, facts: VariantFacts, content: bytes) -> Path | None:
        if not self._make_room(len(content)):
            return None
        now = self._clock().timestamp()
        path = self._root / key.blob / f"{_which(key)}.{facts.sha256}.{facts.extension}"
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._making.mkdir(mode=0o750, exist_ok=True)
        made = self._making / self._new_name()
        try:
            with made.open("xb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # as long as it is held, no sweep takes the file away
                file.write(content)
                file.flush()
                os.utime(made, (now, now))
                made.rename(path)
        except BaseException:
            made.unlink(missing_ok=True)
            raise
        self._grown += len(content)
        return path

    def _make_room(self, size: int) -> bool:
        """Return whether *size* more bytes may be kept, the least recently used having gone for them if need be."""
        budget = self._budget
        if self._weight is None or self._grown > budget // _LOOKS or self._weight + self._grown + size > budget:
            self._root.mkdir(mode=0o750, parents=True, exist_ok=True)
            volume = os.statvfs(self._root)
            budget = min(budget, volume.f_blocks * volume.f_frsize // _SHARE_OF_VOLUME)
            self._trim(budget, size)
        return size <= budget

    def _trim(self, budget: int, size: int) -> None:
        used, self._used = self._used, {}
        found = weigh(self._root, used)
        for each in found:
            if each.path in used:
                # For the other processes, and for the one after this.
                _touch(each)
        gone = removals(found, budget=budget, size=size)
        for each in gone:
            each.path.unlink(missing_ok=True)
            with suppress(OSError):
                each.path.parent.rmdir()
        self._weight = sum(each.size for each in found) - sum(each.size for each in gone)
        self._grown = 0

    def _forget(self, blob: str) -> None:
        folder = self._root / blob
        for _ in range(_TRIES):
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                break
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:  # else somebody has just put something into it
                    raise
        with suppress(OSError):
            folder.parent.rmdir()

    def _sources(self) -> list[str]:
        if self._making.is_dir():
            sweep(self._making)
        owners = [owner for owner in _names(self._root) if not owner.startswith(".")]
        return [f"{owner}/{image}" for owner in owners for image in _names(self._root / owner)]


def _which(key: VariantKey) -> str:
    """Return the part of a name that says what it is: of which bytes, how made, and how wide."""
    width = "full" if key.rendering.width is None else f"w{key.rendering.width}"
    return f"{key.sha256[:16]}-{_EDITION}-{width}"


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _touch(each: Weighed) -> None:
    with suppress(FileNotFoundError):
        os.utime(each.path, (each.used, each.used))

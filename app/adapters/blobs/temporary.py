"""`TemporaryStore` in a folder: `<root>/<id>/<owner>,<generation>,<sha256>.<extension>`.

A folder appears whole, by one rename, and its file's name says all there is to know: so every process finds an image by
its id alone, and remembers what it has found.  Nothing is synced: what a power cut tore is found out by its hash.
"""

import asyncio
import fcntl
import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from app.adapters.blobs.faults import translated
from app.adapters.blobs.staging import FileStaging, sweep
from app.adapters.blobs.threads import finished
from app.adapters.blobs.volume import FileBlob, open_regular
from app.domain.errors import NotFound, StorageFull
from app.domain.ids import GenerationId, UserId
from app.domain.images import Digest
from app.domain.ports import Staging
from app.domain.temporary import SERVED_TYPES, Opened, TemporaryId, TemporaryImage

# User ids have no comma.
_NAME = re.compile(r"(?P<owner>[^,]+),(?P<generation>[a-z0-9_]*),(?P<sha256>[0-9a-f]{64})\.(?P<extension>[a-z0-9]+)")
_CHUNK = 1024 * 1024
_LEAST_SIZE = 16 * 1024
"""What an image counts at least: a folder and a file cost something too, and all of them are looked at."""

Known = tuple[Path, TemporaryImage]


class TemporaryFolder:
    """Keeps at most *budget* bytes below *root*, whichever process brings them."""

    def __init__(self, root: Path, *, budget: int, new_name: Callable[[], str]) -> None:
        self._root = root
        self._making = root / ".making"
        self._budget = budget
        self._new_name = new_name
        self._known: OrderedDict[TemporaryId, Known] = OrderedDict()
        self._most_known = max(1, budget // _LEAST_SIZE)

    async def prepare(self) -> None:
        """Make the folder, and remove what writers that died left."""
        with translated():
            await finished(asyncio.to_thread(self._prepare))

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[FileStaging]:
        staging = FileStaging(self._making / self._new_name(), is_durable=False)
        try:
            await staging.create()
            yield staging
        finally:
            await staging.discard()

    async def keep(self, staging: Staging, image: TemporaryImage) -> None:
        with translated():
            path = await finished(asyncio.to_thread(self._keep, staging.path, image))
        self._remember(path, image)

    async def find(self, image: TemporaryId) -> TemporaryImage | None:
        opened = await self.open(image)
        if opened is None:
            return None
        await opened.blob.aclose()
        return opened.image

    async def open(self, image: TemporaryId) -> Opened | None:
        with translated():
            known = self._known.get(image) or await asyncio.to_thread(self._look, image)
            if known is None:
                return None
            path, found = known
            try:
                # On the loop, as hosted images are: microseconds, and a thread hop is several times that.
                blob = FileBlob(open_regular(path), path)
            except FileNotFoundError:
                self._known.pop(image, None)  # deleted, here or by another process
                return None
        self._remember(path, found)
        return Opened(found, blob)

    async def remove(self, image: TemporaryId) -> None:
        self._known.pop(image, None)
        with translated():
            await finished(asyncio.to_thread(_remove, self._root / str(image)))

    async def images(self) -> list[TemporaryImage]:
        with translated():
            return await asyncio.to_thread(lambda: [found for _, found in self._all()])

    def _prepare(self) -> None:
        self._making.mkdir(mode=0o750, parents=True, exist_ok=True)
        sweep(self._making)
        with self._alone():
            for folder in _folders(self._making):
                _remove(folder)
            for folder in _folders(self._root):
                if not any(folder.iterdir()):
                    folder.rmdir()

    def _keep(self, staged: Path, image: TemporaryImage) -> Path:
        final = self._root / str(image.id)
        making = self._making / f"{image.id}.folder"
        with self._alone():
            if self._weight() + max(_LEAST_SIZE, image.digest.size) > self._budget:
                raise StorageFull(
                    f"Temporary images may take {self._budget} bytes in all, and do: delete some.", retry_after=60
                )
            making.mkdir(mode=0o750)
            staged.rename(making / _name(image))
            os.utime(making / _name(image), (image.created_at.timestamp(),) * 2)
            making.rename(final)
        return final / _name(image)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep every other process, and every other thread, from bringing something in meanwhile."""
        descriptor = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _weight(self) -> int:
        return sum(max(_LEAST_SIZE, found.digest.size) for _, found in self._all())

    def _all(self) -> Iterator[Known]:
        for folder in _folders(self._root):
            try:
                known = self._known.get(TemporaryId.parse(folder.name)) or _read(folder)
            except NotFound:
                continue
            if known is not None:
                yield known

    def _look(self, image: TemporaryId) -> Known | None:
        """Return what another process, or an earlier one, has kept, once its bytes are what its name says."""
        known = _read(self._root / str(image))
        if known is None:
            return None
        path, found = known
        if _sha256(path) == found.digest.sha256:
            return known
        _remove(path.parent)
        return None

    def _remember(self, path: Path, image: TemporaryImage) -> None:
        self._known[image.id] = path, image
        self._known.move_to_end(image.id)
        if len(self._known) > self._most_known:
            self._known.popitem(last=False)


def _name(image: TemporaryImage) -> str:
    return f"{image.owner},{image.generation or ''},{image.digest.sha256}.{image.extension}"


def _read(folder: Path) -> Known | None:
    """Return the image in *folder*; None when it is gone, or half of it is."""
    try:
        path = next(folder.iterdir(), None)
        facts = None if path is None else path.stat(follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    parts = None if path is None else _NAME.fullmatch(path.name)
    if path is None or facts is None or parts is None or parts["extension"] not in SERVED_TYPES:
        return None
    return path, TemporaryImage(
        id=TemporaryId(folder.name),
        owner=UserId(parts["owner"]),
        extension=parts["extension"],
        content_type=SERVED_TYPES[parts["extension"]],
        digest=Digest(size=facts.st_size, sha256=parts["sha256"]),
        created_at=datetime.fromtimestamp(facts.st_mtime, UTC),
        generation=GenerationId(parts["generation"]) if parts["generation"] else None,
    )


def _folders(root: Path) -> Iterator[Path]:
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and entry.name != ".making":
                yield Path(entry.path)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        return ""
    return digest.hexdigest()


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()

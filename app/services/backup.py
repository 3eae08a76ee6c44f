"""A consistent copy while the service runs: the catalog as of one moment, and every file it names."""

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.backup import BackupTarget, Copying, ImageRow
from app.domain.catalog import ImageCatalog
from app.domain.errors import InvalidInput
from app.domain.ids import ImageId, UserId
from app.domain.images import Digest, ImageStatus
from app.domain.recovery import BlobInventory, parse_key

Progress = Callable[[int, int], None]

_Rows = dict[tuple[UserId, ImageId], ImageRow]


@dataclass(slots=True, kw_only=True)
class BackupReport:
    """*copied* and *kept* count files; *gone* those deleted while we copied; *removed* those no longer needed.

    *missing* and *damaged* name stored images whose live bytes are not there, or not those that were stored.
    """

    copied: int = 0
    copied_bytes: int = 0
    kept: int = 0
    gone: int = 0
    removed: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.missing and not self.damaged


class BackupService:
    """*snapshot* writes the catalog, as of one moment, to a path, and returns what it says of each image."""

    def __init__(
        self,
        *,
        inventory: BlobInventory,
        images: ImageCatalog,
        snapshot: Callable[[Path], Awaitable[Sequence[ImageRow]]],
    ) -> None:
        self._inventory = inventory
        self._images = images
        self._snapshot = snapshot

    async def backup(self, target: BackupTarget, *, progress: Progress | None = None) -> BackupReport:
        """Bring *target* up to date; files it has already are not copied again, and no copy gives way to worse.

        Catalog first, so that every file it names is there to be copied; it counts last, so that a backup cut short
        leaves the one before in force.  Raise `InvalidInput` when *target* is no place for this store's backup.
        """
        report = BackupReport()
        await target.prepare()
        rows = {(row.user, row.id): row for row in await self._snapshot(target.draft)}
        unwanted = _unwanted(await target.keys(), rows)
        stored = [row for row in rows.values() if row.status is ImageStatus.STORED]
        for number, row in enumerate(stored):
            if progress is not None:
                progress(number, len(stored))
            if row.key is not None and row.digest is not None:
                await self._copy(report, target, row, row.key, row.digest)
        await target.keep_draft()
        await target.remove(unwanted)
        report.removed = len(unwanted)
        return report

    async def _copy(self, report: BackupReport, target: BackupTarget, row: ImageRow, key: str, digest: Digest) -> None:
        match await target.add(key, self._inventory.path(key), digest):
            case Copying.COPIED:
                report.copied += 1
                report.copied_bytes += digest.size
            case Copying.KEPT:
                report.kept += 1
            case Copying.DAMAGED:
                report.damaged.append(key)
            case Copying.MISSING if await self._is_deleted(row):
                report.gone += 1
            case Copying.MISSING:
                report.missing.append(key)

    async def _is_deleted(self, row: ImageRow) -> bool:
        now = await self._images.find(row.user, row.id)
        return now is None or now.status is ImageStatus.DELETED


def _unwanted(keys: AbstractSet[str], rows: _Rows) -> set[str]:
    """Return the copies of deleted images and of those never heard of; raise `InvalidInput` if these are the most.

    A stored or lost image's copy may be the last there is.  Rows do not vanish, so a catalog that knows few of the
    copies is another store's, such as one begun anew after a loss: just then the backup must not follow it.
    """
    found = {key: _row_of(key, rows) for key in keys}
    unknown = {key for key, row in found.items() if row is None}
    if 2 * len(unknown) > len(keys):
        raise InvalidInput(
            "That folder holds the backup of another store: this catalog does not know most of its images. "
            "Restore it, or choose a new folder.",
            field="folder",
        )
    return unknown | {key for key, row in found.items() if row is not None and row.status is ImageStatus.DELETED}


def _row_of(key: str, rows: _Rows) -> ImageRow | None:
    name = parse_key(key)
    return rows.get((name.user, name.id)) if name is not None else None

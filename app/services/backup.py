"""A consistent copy while the service runs: the catalog as of one moment, and every file it names."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from app.domain.backup import BackupTarget
from app.domain.errors import NotFound
from app.domain.recovery import BlobInventory

Progress = Callable[[int, int], None]


@dataclass(slots=True, kw_only=True)
class BackupReport:
    """*copied* and *kept* count files; *gone* those deleted while we copied; *removed* those no longer needed."""

    copied: int = 0
    copied_bytes: int = 0
    kept: int = 0
    gone: int = 0
    removed: int = 0


class BackupService:
    """*snapshot* writes the catalog, as of one moment, to a path."""

    def __init__(self, *, inventory: BlobInventory, snapshot: Callable[[Path], Awaitable[None]]) -> None:
        self._inventory = inventory
        self._snapshot = snapshot

    async def backup(self, target: BackupTarget, *, progress: Progress | None = None) -> BackupReport:
        """Bring *target* up to date; files it has already are not copied again.

        Catalog first, so that every file it names is there to be copied; it counts last, so that a backup cut short
        leaves the one before in force.
        """
        report = BackupReport()
        await target.prepare()
        await self._snapshot(target.draft)
        entries = [entry async for entry in self._inventory.entries()]
        for number, entry in enumerate(entries):
            if progress is not None:
                progress(number, len(entries))
            try:
                is_new = await target.add(entry.key, self._inventory.path(entry.key), entry.size)
            except NotFound:
                report.gone += 1
                continue
            report.copied += is_new
            report.copied_bytes += entry.size if is_new else 0
            report.kept += not is_new
        await target.keep_draft()
        report.removed = await target.keep_only({entry.key for entry in entries})
        return report

"""What a backup asks of the place it goes to."""

from pathlib import Path
from typing import Protocol


class BackupTarget(Protocol):
    """A copy of the data folder: whoever puts it back where it came from can start the service on it."""

    async def prepare(self) -> None:
        """Make the place; raise `StorageUnavailable` when it cannot be used."""

    @property
    def draft(self) -> Path:
        """Where the catalog's snapshot is written before it counts."""

    async def add(self, key: str, source: Path, size: int) -> bool:
        """Copy *source* durably under *key*; False when it is there already.  Raise `NotFound` if it has gone."""

    async def keep_draft(self) -> None:
        """Let the snapshot count, durably, in place of the one before."""

    async def keep_only(self, keys: set[str]) -> int:
        """Remove every file but those under *keys*; return how many."""

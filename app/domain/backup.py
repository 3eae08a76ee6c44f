"""What a backup asks of the place it goes to, and what it knows of the images."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.domain.ids import ImageId, UserId
from app.domain.images import Digest, ImageStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """What the catalog said of an image at the moment of the backup; a stored one has a key and a digest."""

    user: UserId
    id: ImageId
    status: ImageStatus
    key: str | None
    digest: Digest | None


class Copying(StrEnum):
    """What came of copying an image."""

    COPIED = "copied"
    KEPT = "kept"
    """There is a copy of its size; images never change."""
    MISSING = "missing"
    DAMAGED = "damaged"
    """The bytes are not those that were stored, or cannot be read."""


class BackupTarget(Protocol):
    """A copy of the data folder: whoever puts it back where it came from can start the service on it."""

    async def prepare(self) -> None:
        """Make the place, and mark it as a backup's.

        Raise `InvalidInput`, having changed nothing, when it is a service's own or holds what is no backup;
        `StorageUnavailable` when it cannot be used.
        """

    @property
    def draft(self) -> Path:
        """Where the catalog's snapshot is written before it counts."""

    async def add(self, key: str, source: Path, digest: Digest) -> Copying:
        """Copy *source* durably under *key*, if its bytes are those of *digest*; else leave what is there."""

    async def keep_draft(self) -> None:
        """Let the snapshot count, durably, in place of the one before."""

    async def keys(self) -> AbstractSet[str]:
        """Return the keys there are copies of; whatever has no image's name is no copy."""

    async def remove(self, keys: AbstractSet[str]) -> None:
        """Remove the copies under *keys*."""

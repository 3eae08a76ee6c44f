"""Catalog and files held against each other: what can disagree, and what is done about it.  Pure rules and ports."""

import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.domain.captures import Capture
from app.domain.errors import InvalidInput
from app.domain.ids import ImageId, UserId
from app.domain.images import CONTENT_TYPES, Digest, Image, ImageStatus

YOUNG = timedelta(hours=1)
"""A file younger than this may belong to a write that is under way elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobEntry:
    """A file of the store.  *modified_at* is when its bytes were written."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBlob:
    """What the catalog says of a stored image's bytes."""

    user: UserId
    id: ImageId
    key: str
    size: int
    sha256: str


class Finding(StrEnum):
    """A disagreement, by what it is."""

    UNFINISHED = "unfinished"
    """Published, but its row does not say so: the process died in between.  Adopted."""
    ORPHAN = "orphan"
    """A file that no row explains.  Set aside."""
    UNDELETED = "undeleted"
    """The file of a deleted image.  Removed."""
    MISSING = "missing"
    """A stored image without its file.  Marked lost."""
    WRONG_SIZE = "wrong_size"
    """A stored image whose file is shorter or longer.  Set aside, and marked lost."""
    ROTTEN = "rotten"
    """A stored image whose bytes are no longer the ones that were stored.  Set aside, and marked lost."""


@dataclass(frozen=True, slots=True)
class BlobName:
    """A key, read back."""

    user: UserId
    id: ImageId
    extension: str


def parse_key(key: str) -> BlobName | None:
    """Return the image a key names, or None when it is no key of ours."""
    user, _, name = key.partition("/")
    image, _, extension = name.partition(".")
    if extension not in CONTENT_TYPES:
        return None
    try:
        return BlobName(UserId.parse(user), ImageId.parse(image), extension)
    except InvalidInput:
        return None


def judge_stray(image: Image | None, entry: BlobEntry, *, now: datetime) -> Finding | None:
    """Return what a file without a stored row is, or None when it is to be left alone."""
    if image is not None and image.status is ImageStatus.CAPTURING:
        return Finding.UNFINISHED
    if image is not None and image.status is ImageStatus.DELETED:
        return Finding.UNDELETED
    if image is not None and image.facts is not None and image.key == entry.key:
        return None  # stored since the catalog was read
    return Finding.ORPHAN if now - entry.modified_at > YOUNG else None


@dataclass(frozen=True, slots=True)
class Slice:
    """One of *of* equal parts of the store, chosen by key: part *number*, from 1."""

    number: int
    of: int

    def takes(self, key: str) -> bool:
        return zlib.crc32(key.encode()) % self.of == self.number - 1


class BlobInventory(Protocol):
    """The files of the store as they lie there."""

    def entries(self) -> AsyncIterator[BlobEntry]:
        """Yield every file that has an image's key, in no order; staging and quarantine are no part of it."""

    async def digest(self, key: str) -> Digest:
        """Return the size and the SHA-256 of the bytes under *key*; raise `NotFound`."""

    def path(self, key: str) -> Path:
        """Return where other programs can read the bytes under *key*."""

    async def set_aside(self, key: str) -> None:
        """Move *key* into quarantine, durably; it is no longer served.  One that is gone is not an error."""

    async def has_marker(self) -> bool:
        """Return whether this is a volume that has been used before."""

    async def set_marker(self) -> None: ...


class RecoveryCatalog(Protocol):
    """What recovery asks of the catalog beyond its daily work."""

    def known(self) -> AsyncIterator[KnownBlob]:
        """Yield what should lie in the store: one entry a stored image, streamed, ordered by owner and id."""

    async def count_stored(self) -> int: ...

    async def claim_one(self, user: UserId, image: ImageId, *, owner: str, until: datetime) -> Capture | None:
        """Take the open capture of one image, whoever held it; None when there is none."""

    async def mark_lost(self, user: UserId, image: ImageId, *, reason: str, at: datetime) -> bool:
        """Turn a stored image into a lost one, its bytes being gone; False when it is not stored any more."""

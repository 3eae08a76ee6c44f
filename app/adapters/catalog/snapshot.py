"""The catalog as of one moment, by SQLite's backup API: copying the file alone would miss its write-ahead log."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from app.domain.backup import ImageRow
from app.domain.errors import StorageFull, StorageUnavailable
from app.domain.ids import ImageId, UserId
from app.domain.images import Digest, ImageStatus, blob_key

_IMAGES = "SELECT user_id, id, status, extension, size_bytes, sha256 FROM images"


async def snapshot(database: Path, target: Path) -> list[ImageRow]:
    """Write the catalog in *database* to *target*, durably; return its images.  Writers are not held up."""
    return await asyncio.to_thread(_snapshot, database, target)


def _snapshot(database: Path, target: Path) -> list[ImageRow]:
    target.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            # A copy stands alone: no log beside it that could be forgotten.
            copy.execute("PRAGMA journal_mode=DELETE")
            rows = [_row(*row) for row in copy.execute(_IMAGES)]
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise StorageFull("There is no room for the backup.") from error
        raise StorageUnavailable("The catalog cannot be copied.") from error
    with target.open("rb") as file:
        os.fsync(file.fileno())
    return rows


def _row(
    user_id: str, image_id: str, status: str, extension: str | None, size: int | None, sha256: str | None
) -> ImageRow:
    user, image = UserId(user_id), ImageId(image_id)
    return ImageRow(
        user=user,
        id=image,
        status=ImageStatus(status),
        key=blob_key(user, image, extension) if extension else None,
        digest=Digest(size=size, sha256=sha256) if size is not None and sha256 else None,
    )

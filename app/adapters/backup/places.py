"""Where a backup may go.  Every look here is at files themselves: names lie, by dots, links and mounts."""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from app.domain.errors import InvalidInput

MARKER = ".holdfast-backup"
CATALOG = "holdfast.db"
DRAFT = ".holdfast.db.part"

_IMAGES = "images"
_TOLERATED = frozenset({"lost+found"})
"""What a file system has when it is new."""


def require_place(folder: Path, *, live: Iterable[Path]) -> None:
    """Raise `InvalidInput` unless *folder* is a backup's, empty, or not there yet; changes nothing.

    *live* are the files and folders the service runs on: no part of the backup may be one of them or lie in one, and
    none of them may lie among the backup's images.
    """
    if any(_touches(folder, each) for each in live):
        raise InvalidInput(
            "That folder is the service's own, or lies in it: a backup would overwrite what it copies.",
            field="folder",
        )
    if os.path.lexists(folder / _IMAGES / ".staging"):
        raise InvalidInput("A service runs on that folder, or ran there: it is no backup.", field="folder")
    if not ((folder / MARKER).is_file() or _is_empty(folder) or _is_unmarked_backup(folder)):
        raise InvalidInput("That folder is not empty, and no backup: choose a new one.", field="folder")


def _touches(folder: Path, live: Path) -> bool:
    parts = (folder, folder / _IMAGES, folder / CATALOG, folder / DRAFT)
    return any(_is_within(part, live) for part in parts) or _is_within(live, folder / _IMAGES)


def _is_within(path: Path, folder: Path) -> bool:
    """Return whether *path* is *folder* or lies in it; either may not be there yet."""
    here, there = path.resolve(), folder.resolve()
    return any(each == there or _is_same(each, there) for each in (here, *here.parents))


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except FileNotFoundError:
        return False


def _is_empty(folder: Path) -> bool:
    return not folder.exists() or not _names(folder)


def _is_unmarked_backup(folder: Path) -> bool:
    """Return whether this is what was made before folders were marked: a catalog, images, and nothing else."""
    return (
        not _names(folder) - {CATALOG, DRAFT, _IMAGES}
        and (folder / _IMAGES / ".holdfast-volume").is_file()
        and _is_catalog(folder / CATALOG)
    )


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - _TOLERATED


def _is_catalog(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return {"images", "captures", "alembic_version"} <= {name for (name,) in found}
    except sqlite3.Error:
        return False

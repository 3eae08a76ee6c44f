"""Copying one image: whole, durably, and only if its bytes are the ones that were stored."""

import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from app.domain.backup import Copying
from app.domain.errors import StorageUnavailable
from app.domain.images import Digest

PART = ".part"
"""How the name of an unfinished copy ends."""

_CHUNK = 1024 * 1024


class _Unreadable(Exception):
    """The live file could not be read; not the backup's disk's fault."""


def copy_image(source: Path, target: Path, digest: Digest) -> Copying:
    """Bring *target* to the bytes of *digest*, out of *source*; otherwise leave it as it is."""
    try:
        size = _find_size(source)
        if size != digest.size:
            return Copying.MISSING if size is None else Copying.DAMAGED
        # Images never change, so one of the same name and size is the same one.
        if _find_size(target) == digest.size:
            return Copying.KEPT
        return Copying.COPIED if _replace(source, target, digest) else Copying.DAMAGED
    except _Unreadable:
        return Copying.DAMAGED


def sync_folder(folder: Path) -> None:
    """Make the names in *folder* durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _find_size(path: Path) -> int | None:
    """Return how long the file is, None when there is none; -1 for what is no file of its own, such as a link."""
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else -1


def _replace(source: Path, target: Path, digest: Digest) -> bool:
    """Write beside *target* and rename; False, and nothing changed, when the bytes are not those of *digest*."""
    target.parent.mkdir(mode=0o750, exist_ok=True)
    if target.parent.is_symlink():
        raise StorageUnavailable("An owner's folder in the backup is a link: copies would go elsewhere.")
    part = target.with_name(target.name + PART)
    try:
        if _write(source, part) != digest:
            return False
        part.chmod(0o640)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(target.parent)
    return True


def _write(source: Path, part: Path) -> Digest:
    sha256, size = hashlib.sha256(), 0
    # A part a crash left behind may be anything, even a link.
    part.unlink(missing_ok=True)
    with _opened(source) as reader, part.open("xb") as writer:
        while chunk := _read(reader):
            sha256.update(chunk)
            size += writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return Digest(size=size, sha256=sha256.hexdigest())


def _opened(source: Path) -> BinaryIO:
    try:
        return source.open("rb")
    except OSError as error:
        raise _Unreadable from error


def _read(reader: BinaryIO) -> bytes:
    try:
        return reader.read(_CHUNK)
    except OSError as error:
        raise _Unreadable from error

"""The directory work of publishing and deleting: each call is durable when it returns.

Runs in a thread.  The order: the owner's folder exists durably, the file's name exists durably, the staging name goes.
"""

import errno
import hashlib
import os
from pathlib import Path

_CHUNK = 1024 * 1024
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EXDEV}


def publish(staged: Path, final: Path, quarantine: Path) -> None:
    """Give the synced file *staged* the name *final*; other bytes of that name go to *quarantine* first."""
    make_folder(final.parent)
    if not _link(staged, final) and not _same_bytes(staged, final):
        set_aside(final, quarantine)
        if not _link(staged, final):
            raise FileExistsError(errno.EEXIST, "published twice at once", str(final))
    sync_folder(final.parent)
    # Last, and only now: until the directory is synced the staging name is what a crash leaves us.
    staged.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove *path* durably; if it is not there, that much is made durable."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Create *folder* durably: its name in its parent is synced before anything is put into it."""
    try:
        folder.mkdir(mode=0o750)
    except FileExistsError:
        return
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(staged: Path, final: Path) -> bool:
    """Name *staged* also *final*; False when that name is taken.  Never replaces."""
    try:
        os.link(staged, final)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _reserve_and_rename(staged, final)
    return True


def _reserve_and_rename(staged: Path, final: Path) -> bool:
    # Some volumes know no hard links.  The empty reservation makes the name ours before the rename replaces it.
    try:
        os.close(os.open(final, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640))
    except FileExistsError:
        return False
    staged.replace(final)
    return True


def _same_bytes(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and _sha256(one) == _sha256(other)


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()


def set_aside(path: Path, quarantine: Path) -> None:
    """Move *path* durably to *quarantine*, where nothing serves it; one that is gone is not an error."""
    make_folder(quarantine.parent)
    try:
        path.replace(quarantine)
    except FileNotFoundError:
        return
    sync_folder(quarantine.parent)
    sync_folder(path.parent)

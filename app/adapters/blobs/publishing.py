"""The directory work of publishing and deleting: each call is durable when it returns.

Runs in a thread.  The order: the owner's folder exists durably, the file's name exists durably, the staging name goes.
"""

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CHUNK = 1024 * 1024
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EXDEV}


def publish(staged: Path, final: Path, quarantine: Path | None) -> None:
    """Give the synced file *staged* the name *final*; other bytes of that name go to *quarantine* first.

    Raise `FileExistsError` when there are such bytes and no *quarantine*.
    """
    make_folder(final.parent)
    if not _name(staged, final) and not _same_bytes(staged, final):
        if quarantine is None:
            raise FileExistsError(errno.EEXIST, "other bytes have this name", str(final))
        set_aside(final, quarantine)
        if not _name(staged, final):
            raise FileExistsError(errno.EEXIST, "published twice at once", str(final))
    sync_folder(final.parent)
    # Last, and only now: until the directory is synced the staging name is what a crash leaves us.
    staged.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove *path* durably; if it is not there, that much is made durable."""
    with suppress(FileNotFoundError):
        path.unlink()
    # Also when it was gone already: whoever removed it may have died before this line.
    with suppress(FileNotFoundError):
        sync_folder(path.parent)


def set_aside(path: Path, quarantine: Path) -> None:
    """Move *path* durably to *quarantine*, where nothing serves it; one that is gone is not an error."""
    make_folder(quarantine.parent)
    try:
        path.replace(quarantine)
    except FileNotFoundError:
        return
    sync_folder(quarantine.parent)
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Create *folder* durably: its name in its parent is synced before anything is put into it."""
    with _opened(folder.parent) as parent:
        # Whoever finds it made waits here until its maker has synced it.
        fcntl.flock(parent, fcntl.LOCK_EX)
        try:
            folder.mkdir(mode=0o750)
        except FileExistsError:
            return
        try:
            os.fsync(parent)
        except OSError:
            # Else the next one would find it made, and take it for durable.
            with suppress(OSError):
                folder.rmdir()
            raise


def sync_folder(folder: Path) -> None:
    with _opened(folder) as descriptor:
        os.fsync(descriptor)


def _name(staged: Path, final: Path) -> bool:
    """Give *staged* the name *final*; False when that name is taken.  Never replaces."""
    try:
        os.link(staged, final)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _rename_unless_taken(staged, final)
    return True


def _rename_unless_taken(staged: Path, final: Path) -> bool:
    # Some volumes know no hard links, and a rename alone would replace: so the renames into a folder take turns.
    with _opened(final.parent) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if os.path.lexists(final):
            return False
        staged.rename(final)
    return True


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _same_bytes(staged: Path, final: Path) -> bool:
    there = final.lstat()
    if not stat.S_ISREG(there.st_mode) or there.st_size != staged.stat().st_size:
        return False
    return _sha256(staged) == _sha256(final)


def _sha256(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()

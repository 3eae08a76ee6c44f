"""What ails the disk under the catalog: SQLite tells that a call failed, but not why."""

import errno
import os
import tempfile
from enum import Enum, auto
from pathlib import Path


class DiskFault(Enum):
    FULL = auto()
    READ_ONLY = auto()
    NO_DESCRIPTORS = auto()
    FAILING = auto()


_FAULTS = {
    errno.ENOSPC: DiskFault.FULL,
    errno.EDQUOT: DiskFault.FULL,
    errno.EROFS: DiskFault.READ_ONLY,
    errno.EMFILE: DiskFault.NO_DESCRIPTORS,
    errno.ENFILE: DiskFault.NO_DESCRIPTORS,
}
_PAGE = bytes(4096)


def examine(folder: Path) -> DiskFault | None:
    """Write, sync and remove a page in *folder*; return what stands in the way, or None.  To be called in a thread."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(_PAGE)
            os.fsync(file.fileno())
    except OSError as error:
        return _FAULTS.get(error.errno or 0, DiskFault.FAILING)
    return None

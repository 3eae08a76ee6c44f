"""Whether a file is still the one it was: by its name, which leads elsewhere or nowhere once it was deleted."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from app.domain.ports import Blob


@dataclass(frozen=True, slots=True)
class Witness:
    """A file by its name and its identity.  Looking takes a microsecond or two, and no thread."""

    path: str
    identity: tuple[int, int, int, int]
    """Device, inode, size, and when anything about it was last changed, its mode and its names included."""

    @classmethod
    def of(cls, path: Path, file: BinaryIO) -> Self:
        """Return the witness of the open *file*, which lies at *path*."""
        return cls(str(path), _identity(os.fstat(file.fileno())))

    @classmethod
    def at(cls, path: Path) -> Self | None:
        """Return the witness of the file that lies at *path*, None if none does."""
        try:
            # Not `Path.stat`, here and below: this is asked of every answer.
            return cls(str(path), _identity(os.stat(path, follow_symlinks=False)))  # noqa: PTH116 (see above)
        except OSError:
            return None

    @property
    def size(self) -> int:
        return self.identity[2]

    def holds(self) -> bool:
        """Tell whether the name still leads to that file."""
        try:
            return _identity(os.stat(self.path, follow_symlinks=False)) == self.identity  # noqa: PTH116 (see above)
        except OSError:
            return False

    def open(self) -> int | None:
        """Return a descriptor of the file, to be closed by the caller, or None if it is not there any more."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        if _identity(os.fstat(descriptor)) != self.identity:
            os.close(descriptor)
            return None
        return descriptor


def find_witness(blob: Blob) -> Witness | None:
    """Return the witness of *blob*, or None where its store is no local one."""
    if blob.path is None or blob.file is None:
        return None
    return Witness.of(blob.path, blob.file)


def _identity(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns

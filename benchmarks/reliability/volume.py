"""A small ext4 volume whose power can be cut: a loop-mounted file, and the ioctl that xfstests' `godown` uses."""

import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability.missing import Missing, require

_FS_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
_WITHOUT_FLUSHING_THE_LOG = 2
_SIZE = "96M"
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Volume:
    """A mounted volume at *path*, in the file *image*."""

    image: Path
    path: Path

    def cut(self) -> None:
        """Stop the file system as a power cut does: what it has not written yet is gone."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _FS_IOC_SHUTDOWN, struct.pack("I", _WITHOUT_FLUSHING_THE_LOG))
        finally:
            os.close(descriptor)

    def remount(self) -> None:
        """Switch the power on again: the journal is replayed."""
        self._unmount()
        _run("mount", "-o", "loop", str(self.image), str(self.path))

    def _unmount(self) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        # Whoever was killed may take a moment to let go.
        while subprocess.run(["umount", str(self.path)], capture_output=True, check=False).returncode:
            if time.monotonic() > until:
                raise RuntimeError("the volume stays busy")
            time.sleep(0.02)


@contextmanager
def mounted(folder: Path) -> Iterator[Volume]:
    """Yield a new volume, mounted below *folder*; raise `Missing` where that cannot be done."""
    require("mkfs.ext4", "mount", "umount", root=True)
    volume = Volume(folder / "volume.img", folder / "volume")
    volume.path.mkdir()
    _run("truncate", "-s", _SIZE, str(volume.image))
    _run("mkfs.ext4", "-q", "-F", str(volume.image))
    try:
        _run("mount", "-o", "loop", str(volume.image), str(volume.path))
    except RuntimeError as error:
        raise Missing(f"no loop mounts here: {error}") from error
    try:
        yield volume
    finally:
        subprocess.run(["umount", "-l", str(volume.path)], capture_output=True, check=False)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")

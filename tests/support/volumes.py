"""Real volumes for tests: mounted where root may, skipped by name where not."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.reliability.missing import Missing, require


@dataclass(frozen=True, slots=True)
class Volume:
    """A small ext4 volume, mounted at *path*."""

    path: Path

    def remount(self, how: str) -> None:
        """Make it `ro` or `rw`; it must not be in use for writing."""
        subprocess.run(["mount", "-o", f"remount,{how}", self.path], check=True)

    def break_down(self) -> None:
        """Have ext4 find an error: it goes read-only at once, whatever is open, until it is mounted anew."""
        source = subprocess.run(
            ["findmnt", "-n", "-o", "SOURCE", self.path], capture_output=True, text=True, check=True
        )
        trigger = Path("/sys/fs/ext4") / Path(source.stdout.strip()).name / "trigger_fs_error"
        if not trigger.exists():
            pytest.skip("this kernel triggers no ext4 errors")
        trigger.write_text("a test")


@contextmanager
def ext4(image: Path, path: Path, *, size: str = "64M") -> Iterator[Volume]:
    """Mount a new volume at *path*; what it holds lies in the file *image*."""
    try:
        require("mkfs.ext4", "mount", "umount", "findmnt", root=True)
    except Missing as lack:
        pytest.skip(str(lack))
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["truncate", "-s", size, image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
    mount = ["mount", "-o", "loop,errors=remount-ro", image, path]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no loop mounts here")
    try:
        yield Volume(path)
    finally:
        subprocess.run(["umount", "-l", path], check=True)

"""A staging over one real file, for adapters that only write into one."""

import hashlib
from pathlib import Path

from app.domain.images import Digest


class FileStaging:
    """Keeps the `Staging` promises as far as a single process can see them, and counts the restarts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.restarts = 0
        self.largest_write = 0
        path.write_bytes(b"")

    async def write(self, chunk: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(chunk)
        self.size += len(chunk)
        self.largest_write = max(self.largest_write, len(chunk))

    async def restart(self) -> None:
        self.path.write_bytes(b"")
        self.size = 0
        self.restarts += 1

    async def seal(self) -> Digest:
        return Digest(size=self.size, sha256=hashlib.sha256(self.content).hexdigest())

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()

"""An open blob over a real file, for tests of whoever reads one."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

CHUNK = 64 * 1024


class FileBlob:
    """A blob as a local store hands it out, or, when not *is_local*, as a remote one does: without its file."""

    def __init__(self, path: Path, *, is_local: bool = True) -> None:
        self.handle: BinaryIO = path.open("rb")
        self.closed = asyncio.Event()
        self._is_local = is_local
        self._path = path
        self._size = os.fstat(self.handle.fileno()).st_size

    @property
    def size(self) -> int:
        return self._size

    @property
    def file(self) -> BinaryIO | None:
        return self.handle if self._is_local else None

    @property
    def path(self) -> Path | None:
        return self._path if self._is_local else None

    async def chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        while start < stop:
            chunk = await asyncio.to_thread(os.pread, self.handle.fileno(), min(CHUNK, stop - start), start)
            if not chunk:
                return
            yield chunk
            start += len(chunk)

    async def aclose(self) -> None:
        self.handle.close()
        self.closed.set()

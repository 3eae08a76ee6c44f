"""Blobs that are stored in other ways, or break."""

import os
from collections.abc import AsyncIterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest

from app.domain.errors import StorageUnavailable
from tests.support.blobs import FileBlob


class Kernelless(FileBlob):
    """A blob whose file the kernel cannot send, for it has no descriptor."""

    @property
    def file(self) -> BinaryIO:
        return BytesIO(b"never read")


STORES = [
    pytest.param(FileBlob, id="sendfile"),
    pytest.param(partial(FileBlob, is_local=False), id="remote"),
    pytest.param(Kernelless, id="no sendfile"),
]


class Shrinking(FileBlob):
    """A file that loses its last byte after it was opened, which never happens."""

    def __init__(self, path: Path, *, is_local: bool = True) -> None:
        super().__init__(path, is_local=is_local)
        os.truncate(path, self.size - 1)


class Failing(FileBlob):
    """A remote store that breaks down halfway."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, is_local=False)

    async def chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        async for chunk in super().chunks(start, stop // 2):
            yield chunk
        raise StorageUnavailable("The store does not answer.")

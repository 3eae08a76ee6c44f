"""A volume in a folder of its own."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from app.adapters.blobs.volume import VolumeBlobStore
from tests.support.disk import Disk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "images"


@pytest.fixture
def new_name() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"n{next(numbers)}"


@pytest.fixture
async def store(root: Path, new_name: Callable[[], str]) -> VolumeBlobStore:
    store = VolumeBlobStore(root, new_name=new_name, reserve=0)
    await store.prepare()
    return store


@pytest.fixture
def disk(store: VolumeBlobStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk under a store that is already prepared."""
    return Disk(root, monkeypatch)

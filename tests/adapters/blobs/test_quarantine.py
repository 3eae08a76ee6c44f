"""What was moved out of the way is listed by what it was, and goes when it is told to."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.adapters.blobs.quarantine import VolumeQuarantine
from app.adapters.blobs.volume import VolumeBlobStore
from app.domain.errors import StorageUnavailable
from app.domain.upkeep import SetAside
from tests.contracts.blob_store import put, read


async def listed(root: Path) -> list[SetAside]:
    return [entry async for entry in VolumeQuarantine(root).entries()]


async def test_nothing_lies_there_at_first(store: VolumeBlobStore, root: Path) -> None:
    assert await listed(root) == []


async def test_what_gave_way_is_told_by_its_key_and_since_when(store: VolumeBlobStore, root: Path) -> None:
    await put(store, b"picture")
    long_ago = time.time() - 90 * 86400
    os.utime(root / "ana" / "img_1.png", (long_ago, long_ago))
    await put(store, b"another one")

    (entry,) = await listed(root)

    assert (entry.key, entry.size) == ("ana/img_1.png", 7)
    assert datetime.now(UTC) - entry.since < timedelta(minutes=1)


async def test_what_is_removed_is_gone_and_nothing_else(store: VolumeBlobStore, root: Path) -> None:
    for picture in (b"one", b"two", b"three"):
        await put(store, picture)
    first, second = await listed(root)

    await VolumeQuarantine(root).remove(first)
    await VolumeQuarantine(root).remove(first)

    assert await listed(root) == [second]
    assert await read(store) == b"three"


async def test_what_is_no_file_is_left_alone(store: VolumeBlobStore, root: Path) -> None:
    (root / ".quarantine" / "ana").mkdir()
    (root / ".quarantine" / "ana" / "img_1.png.n1").symlink_to(root)
    (root / ".quarantine" / "stray").write_bytes(b"")

    assert await listed(root) == []


async def test_a_quarantine_that_is_gone_is_a_volume_that_cannot_be_used(root: Path) -> None:
    with pytest.raises(StorageUnavailable):
        await listed(root)

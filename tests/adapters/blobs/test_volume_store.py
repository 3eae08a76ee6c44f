"""The volume as a blob store: the contract, and what only a folder can show."""

import asyncio
import os
from pathlib import Path

import pytest

from app.adapters.blobs.volume import VolumeBlobStore
from app.domain.errors import NotFound, StorageFull, StorageUnavailable
from app.domain.ports import BlobStore, Space
from tests.contracts.blob_store import KEY, BlobStoreContract, put, read


class TestVolumeBlobStore(BlobStoreContract):
    """Keeps every promise of the contract."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())


async def test_the_path_is_the_key(store: BlobStore, root: Path) -> None:
    await put(store, b"picture", "ana/img_1.png")

    assert (root / "ana" / "img_1.png").read_bytes() == b"picture"


async def test_blobs_survive_a_restart(store: BlobStore, root: Path) -> None:
    await put(store, b"picture")

    again = VolumeBlobStore(root, new_name=lambda: "x", reserve=0)
    await again.prepare()

    assert await read(again) == b"picture"


async def test_bytes_that_give_way_are_kept_in_quarantine(store: BlobStore, root: Path) -> None:
    await put(store, b"picture")

    await put(store, b"another")

    aside = [path for path in (root / ".quarantine").rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in aside] == [b"picture"]
    assert aside[0].parent.name == "ana"
    assert aside[0].name.startswith("img_1.png.")


async def test_the_same_bytes_are_not_quarantined(store: BlobStore, root: Path) -> None:
    await put(store, b"picture")
    await put(store, b"picture")

    assert names(root / ".quarantine") == []


async def test_staging_is_empty_when_all_is_done(store: BlobStore, root: Path) -> None:
    await put(store, b"picture")
    await put(store, b"another")
    await store.probe()

    assert names(root / ".staging") == []


async def test_a_failure_while_writing_leaves_nothing_in_staging(store: BlobStore, root: Path) -> None:
    async def broken_off() -> None:
        async with store.stage() as staging:
            await staging.write(b"half a pic")
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await broken_off()

    assert names(root) == []


async def test_nobody_else_can_read_the_files(store: BlobStore, root: Path) -> None:
    await put(store, b"picture")

    assert (root / "ana").stat().st_mode & 0o007 == 0
    assert (root / "ana" / "img_1.png").stat().st_mode & 0o007 == 0


async def test_a_link_in_the_place_of_a_file_is_not_followed(store: BlobStore, root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "ana").mkdir()
    (root / "ana" / "img_1.png").symlink_to(tmp_path / "secret")

    with pytest.raises(StorageUnavailable):
        await store.open(KEY)


async def test_a_link_gives_way_even_if_it_leads_to_the_same_bytes(
    store: BlobStore, root: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    picture = b"x" * len(str(elsewhere))  # a link is as long as where it leads to
    elsewhere.write_bytes(picture)
    (root / "ana").mkdir()
    (root / "ana" / "img_1.png").symlink_to(elsewhere)

    await put(store, picture)

    assert not (root / "ana" / "img_1.png").is_symlink()
    assert await read(store) == picture
    assert elsewhere.read_bytes() == picture


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
async def test_what_is_no_file_is_refused_and_not_waited_for(store: BlobStore, root: Path, make) -> None:  # noqa: ANN001 (a function of os)
    (root / "ana").mkdir()
    make(root / "ana" / "img_1.png")
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 (names of descriptors)

    with pytest.raises(StorageUnavailable):
        await store.open(KEY)

    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208 (names of descriptors)


async def test_below_its_reserve_the_store_takes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nearly_full(_: VolumeBlobStore) -> Space:
        return Space(total=2**40, free=2**20 - 1)

    store = VolumeBlobStore(root, new_name=lambda: "x", reserve=2**20)
    await store.prepare()
    monkeypatch.setattr(VolumeBlobStore, "space", nearly_full)

    with pytest.raises(StorageFull):
        await put(store, b"picture")
    with pytest.raises(StorageFull):
        await store.probe()


async def test_below_its_reserve_the_store_still_reads_and_deletes(store: BlobStore, root: Path) -> None:
    await put(store, b"picture")
    full = VolumeBlobStore(root, new_name=lambda: "x", reserve=2**62)

    assert await read(full) == b"picture"
    await full.delete(KEY)
    with pytest.raises(NotFound):
        await full.open(KEY)


async def test_a_volume_without_inodes_has_no_space(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs

    def without_inodes(path: str) -> os.statvfs_result:
        facts = list(real(path))
        facts[5:8] = [1000, 0, 0]  # files, free, free to us
        return os.statvfs_result(facts)

    monkeypatch.setattr(os, "statvfs", without_inodes)

    assert (await store.space()).free == 0


async def test_a_cancelled_write_leaves_nothing_behind(store: BlobStore, root: Path) -> None:
    started = asyncio.Event()

    async def write_for_ever() -> None:
        async with store.stage() as staging:
            started.set()
            while True:
                await staging.write(b"x" * 65536)

    task = asyncio.create_task(write_for_ever())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert names(root) == []

"""The order of the calls that make a blob durable, and what a crash between any two of them leaves."""

import errno
import os
import shutil
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from app.adapters.blobs.publishing import make_folder
from app.adapters.blobs.volume import VolumeBlobStore
from app.domain.errors import AppError, NotFound, StorageUnavailable
from app.domain.ports import BlobStore
from tests.contracts.blob_store import KEY, is_there, put, read
from tests.support.disk import Crash, Disk

FIRST = [
    "fsync .staging/n1",
    "mkdir ana",
    "fsync .",
    "link .staging/n1 ana/img_1.png",
    "fsync ana",
    "unlink .staging/n1",
]


async def test_bytes_are_synced_before_their_name_and_the_name_before_the_staging_goes(
    store: BlobStore, disk: Disk
) -> None:
    await put(store, b"picture")

    assert disk.calls[: len(FIRST)] == FIRST


async def test_a_known_owners_folder_is_not_synced_again(store: BlobStore, disk: Disk) -> None:
    await put(store, b"one", "ana/img_1.png")
    disk.calls.clear()

    await put(store, b"two", "ana/img_2.png")

    assert "fsync ." not in disk.calls
    assert disk.calls.index("link .staging/n3 ana/img_2.png") < disk.calls.index("fsync ana")


async def test_finding_the_same_bytes_syncs_their_name_all_the_same(store: BlobStore, disk: Disk) -> None:
    await put(store, b"picture")
    disk.calls.clear()

    await put(store, b"picture")

    assert disk.calls.index("fsync ana") < disk.calls.index("unlink .staging/n3")


async def test_other_bytes_are_safe_in_quarantine_before_the_new_ones_come(store: BlobStore, disk: Disk) -> None:
    await put(store, b"picture")
    disk.calls.clear()

    await put(store, b"another")

    moved = disk.calls.index("replace ana/img_1.png .quarantine/ana/img_1.png.n4")
    assert disk.calls[moved - 2 : moved] == ["mkdir .quarantine/ana", "fsync .quarantine"]
    assert disk.calls[moved + 1 : moved + 5] == [
        "fsync .quarantine/ana",
        "fsync ana",
        "link .staging/n3 ana/img_1.png",
        "fsync ana",
    ]


async def test_a_deletion_is_synced(store: BlobStore, disk: Disk) -> None:
    await put(store, b"picture")
    disk.calls.clear()

    await store.delete(KEY)

    assert disk.calls == ["unlink ana/img_1.png", "fsync ana"]


async def test_a_deletion_that_could_not_be_synced_is_synced_by_the_next(store: BlobStore, disk: Disk) -> None:
    await put(store, b"picture")
    disk.fail_once("fsync", errno.EIO)
    with pytest.raises(StorageUnavailable):
        await store.delete(KEY)
    disk.calls.clear()

    await store.delete(KEY)

    assert disk.calls[-1] == "fsync ana"


async def test_a_folder_that_could_not_be_synced_is_made_again(store: BlobStore, disk: Disk) -> None:
    disk.fail_once("fsync .", errno.EIO)
    with pytest.raises(StorageUnavailable):
        await put(store, b"picture")
    disk.calls.clear()

    await put(store, b"picture")

    assert disk.calls[1:3] == ["mkdir ana", "fsync ."]


def test_nobody_uses_a_folder_before_its_maker_has_synced_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncing, go_on, order = threading.Event(), threading.Event(), []

    def slow_sync(descriptor: int) -> None:
        syncing.set()
        go_on.wait(5)
        order.append("synced")

    monkeypatch.setattr(os, "fsync", slow_sync)
    maker = threading.Thread(target=make_folder, args=(tmp_path / "ana",))
    user = threading.Thread(target=lambda: (make_folder(tmp_path / "ana"), order.append("used")))
    maker.start()
    assert syncing.wait(5)
    user.start()
    user.join(0.05)
    assert order == []
    go_on.set()
    maker.join(5)
    user.join(5)

    assert order == ["synced", "used"]


async def test_a_new_store_is_made_durably(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(tmp_path, monkeypatch)

    await VolumeBlobStore(tmp_path / "data" / "images", new_name=lambda: "x", reserve=0).prepare()

    assert disk.calls == [
        "mkdir data",
        "fsync .",
        "mkdir data/images",
        "fsync data",
        "mkdir data/images/.staging",
        "fsync data/images",
        "mkdir data/images/.quarantine",
        "fsync data/images",
        "fsync data/images",
    ]


def everything(root: Path) -> set[bytes]:
    return {path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def crashed_at_every_call(
    store: VolumeBlobStore, disk: Disk, work: Callable[[], Awaitable[object]], check: Callable[[], Awaitable[None]]
) -> int:
    """Do *work* with a crash before its first call, its second and so on; *check* after each.  Return how many."""
    for count in range(50):
        disk.crash_before(count)
        try:
            await work()
        except Crash:
            crashed = True
        else:
            crashed = False
        disk.recover()
        await store.prepare()
        await check()
        if not crashed:
            return count
    pytest.fail("there is no end to it")


async def test_a_crash_anywhere_in_a_publication_leaves_all_or_nothing(
    store: VolumeBlobStore, disk: Disk, root: Path
) -> None:
    async def all_or_nothing() -> None:
        with suppress(NotFound):
            assert await read(store) == b"picture"
        assert list((root / ".staging").iterdir()) == []
        await put(store, b"picture")
        assert await read(store) == b"picture"
        await store.delete(KEY)
        (root / "ana").rmdir()

    count = await crashed_at_every_call(store, disk, lambda: put(store, b"picture"), all_or_nothing)

    assert count >= len(FIRST)


async def test_a_crash_anywhere_in_a_replacement_leaves_whole_bytes_or_none(
    store: VolumeBlobStore, disk: Disk, root: Path
) -> None:
    await put(store, b"picture")

    async def whole_or_none() -> None:
        with suppress(NotFound):
            assert await read(store) in {b"picture", b"another"}
        assert b"picture" in everything(root)
        await put(store, b"another")
        assert await read(store) == b"another"
        await store.delete(KEY)
        shutil.rmtree(root / ".quarantine" / "ana")
        await put(store, b"picture")

    assert await crashed_at_every_call(store, disk, lambda: put(store, b"another"), whole_or_none) > len(FIRST)


async def test_a_crash_anywhere_in_a_deletion_is_made_good_by_the_next(store: VolumeBlobStore, disk: Disk) -> None:
    await put(store, b"picture")

    async def gone_next_time() -> None:
        await store.delete(KEY)
        assert not await is_there(store)
        assert disk.calls[-1] == "fsync ana"
        await put(store, b"picture")

    assert await crashed_at_every_call(store, disk, lambda: store.delete(KEY), gone_next_time) == 2


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE], ids=["full", "failing", "too many files"])
async def test_an_error_anywhere_in_a_publication_leaves_all_or_nothing(
    store: VolumeBlobStore, disk: Disk, root: Path, number: int
) -> None:
    for count in range(len(FIRST)):
        disk.fail_after(count, number)
        with suppress(AppError):
            await put(store, b"picture")
        disk.recover()

        with suppress(NotFound):
            assert await read(store) == b"picture"
        await put(store, b"picture")
        assert await read(store) == b"picture"
        await store.delete(KEY)
        (root / "ana").rmdir()

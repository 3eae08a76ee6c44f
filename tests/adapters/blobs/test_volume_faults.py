"""A disk that is full, failing, read-only or strange: refusals with the right name, and nothing half done."""

import errno
import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiofiles.threadpool
import pytest

from app.adapters.blobs.volume import VolumeBlobStore
from app.domain.errors import AppError, Overloaded, StorageFull, StorageUnavailable
from app.domain.ports import BlobStore
from tests.contracts.blob_store import KEY, is_there, put, read
from tests.support.disk import Disk

ERRORS = {
    errno.ENOSPC: StorageFull,
    errno.EDQUOT: StorageFull,
    errno.EROFS: StorageUnavailable,
    errno.EIO: StorageUnavailable,
    errno.EACCES: StorageUnavailable,
    errno.EMFILE: Overloaded,
    errno.ENFILE: Overloaded,
}
by_error = pytest.mark.parametrize(
    ("number", "refusal"), ERRORS.items(), ids=[errno.errorcode[number] for number in ERRORS]
)


class RefusingFile(io.FileIO):
    """Takes no bytes."""

    number = errno.ENOSPC

    def write(self, _: object, /) -> int:
        raise OSError(self.number, os.strerror(self.number))


class ModestFile(io.FileIO):
    """Takes three bytes at a time, as a file may."""

    def write(self, data: memoryview, /) -> int:
        return super().write(data[:3])


def writing_to(kind: type[io.FileIO], monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(path: Path, *, mode: str, opener, **_: object) -> io.FileIO:  # noqa: ANN001 (as `open` takes it)
        return kind(path, mode, opener=opener)

    monkeypatch.setattr(aiofiles.threadpool, "sync_open", opened)


@by_error
async def test_a_write_that_fails_is_a_refusal(
    store: BlobStore, root: Path, number: int, refusal: type[AppError], monkeypatch: pytest.MonkeyPatch
) -> None:
    writing_to(RefusingFile, monkeypatch)
    monkeypatch.setattr(RefusingFile, "number", number)

    with pytest.raises(refusal):
        await put(store, b"picture")

    assert list((root / ".staging").iterdir()) == []


async def test_a_short_write_is_gone_on_with(store: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    writing_to(ModestFile, monkeypatch)

    digest = await put(store, b"a whole picture")

    assert digest.size == 15
    assert await read(store) == b"a whole picture"


@by_error
@pytest.mark.parametrize("call", ["fsync", "link", "mkdir ana"])
async def test_a_publication_that_fails_is_a_refusal(
    store: BlobStore, root: Path, disk: Disk, call: str, number: int, refusal: type[AppError]
) -> None:
    disk.fail(call, number)

    with pytest.raises(refusal):
        await put(store, b"picture")

    disk.recover()
    assert not await is_there(store)
    assert list((root / ".staging").iterdir()) == []


@by_error
async def test_opening_that_fails_is_a_refusal(
    store: BlobStore, number: int, refusal: type[AppError], monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, b"picture")

    def failing(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, "open", failing)
        with pytest.raises(refusal):
            await store.open(KEY)
        with pytest.raises(refusal):
            await put(store, b"another")


async def test_a_deletion_that_fails_is_a_refusal_and_leaves_the_blob(store: BlobStore, disk: Disk) -> None:
    await put(store, b"picture")
    disk.fail("unlink ana/img_1.png", errno.EROFS)

    with pytest.raises(StorageUnavailable):
        await store.delete(KEY)

    assert await read(store) == b"picture"


async def test_a_failed_fsync_is_never_tried_again_on_the_same_file(store: BlobStore, disk: Disk) -> None:
    disk.fail_once("fsync", errno.EIO)

    async with store.stage() as staging:
        await staging.write(b"picture")
        with pytest.raises(StorageUnavailable):
            await staging.seal()
        with pytest.raises(ValueError, match="sealed"):
            await staging.seal()

    assert disk.calls.count("fsync .staging/n1") == 1


async def test_a_volume_that_loses_bytes_is_noticed(store: BlobStore) -> None:
    async with store.stage() as staging:
        await staging.write(b"picture")
        os.truncate(staging.path, 3)

        with pytest.raises(StorageUnavailable):
            await staging.seal()


async def test_a_file_that_shrinks_while_it_is_read_is_a_refusal(store: BlobStore, root: Path) -> None:
    await put(store, b"picture")
    blob = await store.open(KEY)
    os.truncate(root / "ana" / "img_1.png", 3)

    with pytest.raises(StorageUnavailable):
        _ = [chunk async for chunk in blob.chunks(0, blob.size)]
    await blob.aclose()


async def test_a_staging_file_that_cannot_be_removed_does_not_undo_a_publication(store: BlobStore, disk: Disk) -> None:
    async with store.stage() as staging:
        await staging.write(b"picture")
        await staging.seal()
        await store.publish(staging, KEY)
        disk.fail("unlink", errno.EIO)

    disk.recover()
    assert await read(store) == b"picture"


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK], ids=lambda n: errno.errorcode[n])
async def test_a_volume_without_hard_links_will_do(store: BlobStore, disk: Disk, root: Path, number: int) -> None:
    disk.fail("link", number)

    await put(store, b"picture")
    await put(store, b"picture")
    await put(store, b"another")

    assert await read(store) == b"another"
    assert [path.read_bytes() for path in (root / ".quarantine").rglob("*.n6")] == [b"picture"]
    assert disk.calls.count("rename .staging/n1 ana/img_1.png") == 1


async def test_without_hard_links_no_reader_sees_an_unfinished_blob(
    store: BlobStore, disk: Disk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.fail("link", errno.EPERM)
    seen: list[bool] = []
    real = os.rename

    def looking(staged: Path, final: Path) -> None:
        seen.append(final.exists())
        real(staged, final)

    monkeypatch.setattr(os, "rename", looking)
    await put(store, b"picture")

    assert seen == [False]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def make_read_only(mount: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)


async def test_a_disk_that_is_really_full_takes_no_more_and_serves_what_it_has(small_disk: Path) -> None:
    store = VolumeBlobStore(small_disk / "images", new_name=lambda: "x", reserve=0)
    await store.prepare()
    await put(store, b"x" * 100_000, "ana/img_1.png")

    with pytest.raises(StorageFull):
        await put(store, b"y" * 300_000, "ana/img_2.png")

    assert not await is_there(store, "ana/img_2.png")
    assert await read(store, "ana/img_1.png") == b"x" * 100_000
    await store.delete("ana/img_1.png")
    await put(store, b"y" * 150_000, "ana/img_2.png")


async def test_a_disk_that_is_really_read_only_serves_and_refuses_the_rest(small_disk: Path) -> None:
    store = VolumeBlobStore(small_disk / "images", new_name=lambda: "x", reserve=0)
    await store.prepare()
    await put(store, b"picture")
    make_read_only(small_disk)

    assert await read(store) == b"picture"
    for refused in (put(store, b"another"), store.delete(KEY), store.probe()):
        with pytest.raises(StorageUnavailable):
            await refused

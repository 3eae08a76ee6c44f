"""Several processes on one volume: whose staging is whose, and which instance it belongs to."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.adapters.blobs import staging
from app.adapters.blobs.instance import only_instance
from app.adapters.blobs.volume import VolumeBlobStore
from app.domain.errors import StorageUnavailable
from app.domain.ports import BlobStore

WRITER = """
import asyncio, pathlib, sys
from app.adapters.blobs.volume import VolumeBlobStore

async def main():
    store = VolumeBlobStore(pathlib.Path(sys.argv[1]), new_name=lambda: "theirs", reserve=0)
    async with store.stage() as staging:
        await staging.write(b"half a picture")
        print("writing", flush=True)
        sys.stdin.read()

asyncio.run(main())
"""
INSTANCE = """
import asyncio, pathlib, sys
from app.adapters.blobs.instance import only_instance

async def main():
    async with only_instance(pathlib.Path(sys.argv[1]), patience=0):
        print("holding", flush=True)
        sys.stdin.read()

asyncio.run(main())
"""


@contextmanager
def running(program: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run *program* on *folder* from its first word to the end of its input, or its kill."""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process


async def test_a_start_leaves_what_another_process_is_writing(store: VolumeBlobStore, root: Path) -> None:
    with running(WRITER, root):
        await store.prepare()

        assert (root / ".staging" / "theirs").read_bytes() == b"half a picture"


async def test_a_start_removes_what_a_dead_process_was_writing(store: VolumeBlobStore, root: Path) -> None:
    with running(WRITER, root) as process:
        process.kill()
    assert (root / ".staging" / "theirs").exists()

    await store.prepare()

    assert not (root / ".staging" / "theirs").exists()


async def test_a_start_leaves_what_this_process_is_writing(store: VolumeBlobStore) -> None:
    async with store.stage() as mine:
        await mine.write(b"half")

        await store.prepare()

        assert mine.path.read_bytes() == b"half"


async def test_a_sweep_that_comes_between_creating_and_locking_does_no_harm(
    store: BlobStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, swept = staging.fcntl.flock, []

    def sweep_first(descriptor: int, operation: int) -> None:
        if not swept:
            swept.append(True)
            (root / ".staging" / "n1").unlink()
        real(descriptor, operation)

    monkeypatch.setattr(staging.fcntl, "flock", sweep_first)

    async with store.stage() as mine:
        await mine.write(b"picture")
        assert mine.path.read_bytes() == b"picture"


async def test_a_folder_in_staging_does_not_stop_a_start(store: VolumeBlobStore, root: Path) -> None:
    (root / ".staging" / "folder").mkdir()

    await store.prepare()


async def test_a_second_instance_is_refused(tmp_path: Path) -> None:
    with running(INSTANCE, tmp_path), pytest.raises(StorageUnavailable, match="Another instance"):
        async with only_instance(tmp_path, patience=0):
            pytest.fail("two instances on one volume")


async def test_an_instance_takes_over_when_the_one_before_it_is_killed(tmp_path: Path) -> None:
    with running(INSTANCE, tmp_path) as process:
        waiting = asyncio.create_task(_hold(tmp_path))
        await asyncio.sleep(0)
        process.kill()
        await waiting


async def test_a_volume_is_free_again_after_a_clean_stop(tmp_path: Path) -> None:
    await _hold(tmp_path)
    await _hold(tmp_path)


async def test_whoever_stops_waiting_leaves_no_lock_behind(tmp_path: Path) -> None:
    async with only_instance(tmp_path, patience=0):
        waiting = asyncio.create_task(_hold(tmp_path))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    await _hold(tmp_path)


async def test_a_folder_that_cannot_be_made_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageUnavailable):
        await _hold(tmp_path / "file")


async def _hold(folder: Path) -> None:
    async with only_instance(folder, patience=5):
        pass

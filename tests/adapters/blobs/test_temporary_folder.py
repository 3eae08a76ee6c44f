"""The folder of temporary images: found by id in every process, within one budget, gone when removed."""

import asyncio
import hashlib
import os
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from app.adapters.blobs.temporary import TemporaryFolder
from app.domain.errors import NotFound, StorageFull, StorageUnavailable
from app.domain.ids import GenerationId, UserId
from app.domain.images import Digest
from app.domain.temporary import TemporaryId, TemporaryImage

KIB = 1024
NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
GENERATION = GenerationId("gen_" + "0" * 26)
_numbers = count()


async def opened(root: Path, *, budget: int = 1024 * KIB) -> TemporaryFolder:
    """Return what a process of its own would have."""
    folder = TemporaryFolder(root / "temporary", budget=budget, new_name=lambda: f"n{next(_numbers)}")
    await folder.prepare()
    return folder


async def kept(folder: TemporaryFolder, content: bytes = b"bytes", *, owner: str = "ana") -> TemporaryImage:
    name = str(UUID(int=next(_numbers), version=4))
    async with folder.stage() as staging:
        await staging.write(content)
        digest = await staging.seal()
        image = TemporaryImage(
            id=TemporaryId.parse(name),
            owner=UserId(owner),
            extension="png",
            content_type="image/png",
            digest=digest,
            created_at=NOW,
            generation=GENERATION,
        )
        await folder.keep(staging, image)
    return image


async def read(folder: TemporaryFolder, image: TemporaryImage) -> bytes | None:
    opened = await folder.open(image.id)
    if opened is None:
        return None
    try:
        return b"".join([chunk async for chunk in opened.blob.chunks(0, opened.blob.size)])
    finally:
        await opened.blob.aclose()


def entries(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "temporary").iterdir() if not path.name.startswith("."))


async def test_what_one_process_keeps_another_one_finds(tmp_path: Path) -> None:
    ours, theirs = await opened(tmp_path), await opened(tmp_path)
    image = await kept(ours)

    assert await theirs.find(image.id) == image
    assert await read(theirs, image) == b"bytes"
    assert image.digest == Digest(size=5, sha256=hashlib.sha256(b"bytes").hexdigest())


async def test_what_one_process_removes_another_one_misses(tmp_path: Path) -> None:
    ours, theirs = await opened(tmp_path), await opened(tmp_path)
    image = await kept(ours)
    await theirs.remove(image.id)

    assert await read(ours, image) is None
    assert entries(tmp_path) == []


async def test_removing_twice_is_fine(tmp_path: Path) -> None:
    folder = await opened(tmp_path)
    image = await kept(folder)
    await folder.remove(image.id)
    await folder.remove(image.id)

    assert await folder.images() == []


async def test_whoever_reads_reads_to_the_end(tmp_path: Path) -> None:
    folder = await opened(tmp_path)
    image = await kept(folder)
    reading = await folder.open(image.id)
    await folder.remove(image.id)

    assert reading is not None
    assert [chunk async for chunk in reading.blob.chunks(0, 5)] == [b"bytes"]
    await reading.blob.aclose()


@pytest.mark.parametrize("owner", ["ana", "_abc.def@+=~-", "A" * 128])
async def test_every_owner_can_be_written_down(tmp_path: Path, owner: str) -> None:
    image = await kept(await opened(tmp_path), owner=owner)

    assert await (await opened(tmp_path)).images() == [image]


async def test_the_budget_is_that_of_all_processes(tmp_path: Path) -> None:
    ours, theirs = await opened(tmp_path, budget=100 * KIB), await opened(tmp_path, budget=100 * KIB)
    await kept(ours, bytes(60 * KIB))
    with pytest.raises(StorageFull):
        await kept(theirs, bytes(60 * KIB))

    assert len(entries(tmp_path)) == 1
    assert list((tmp_path / "temporary" / ".making").iterdir()) == []


async def test_nobody_slips_in_at_the_same_moment(tmp_path: Path) -> None:
    folders = [await opened(tmp_path, budget=100 * KIB) for _ in range(8)]
    outcomes = await asyncio.gather(*(kept(each, bytes(30 * KIB)) for each in folders), return_exceptions=True)

    assert sum(isinstance(each, TemporaryImage) for each in outcomes) == 3
    assert sum(isinstance(each, StorageFull) for each in outcomes) == 5


async def test_small_ones_count_for_what_they_cost(tmp_path: Path) -> None:
    folder = await opened(tmp_path, budget=64 * KIB)
    for _ in range(4):
        await kept(folder)
    with pytest.raises(StorageFull):
        await kept(folder)


async def test_what_is_removed_makes_room(tmp_path: Path) -> None:
    folder = await opened(tmp_path, budget=100 * KIB)
    for _ in range(5):
        await folder.remove((await kept(folder, bytes(90 * KIB))).id)

    assert entries(tmp_path) == []


async def test_what_a_power_cut_tore_is_gone(tmp_path: Path) -> None:
    image = await kept(await opened(tmp_path))
    (file,) = (tmp_path / "temporary" / str(image.id)).iterdir()
    file.write_bytes(b"byt\0\0")

    assert await read(await opened(tmp_path), image) is None
    assert entries(tmp_path) == []


async def test_what_a_dead_writer_left_goes_at_the_next_start(tmp_path: Path) -> None:
    await opened(tmp_path)
    making = tmp_path / "temporary" / ".making"
    (making / "half").write_bytes(b"x")
    (making / "id.folder").mkdir()
    (making / "id.folder" / "whole").write_bytes(b"x")
    (tmp_path / "temporary" / "empty").mkdir()
    await opened(tmp_path)

    assert list(making.iterdir()) == entries(tmp_path) == []


async def test_a_start_leaves_a_living_writer_alone(tmp_path: Path) -> None:
    folder = await opened(tmp_path)
    async with folder.stage() as staging:
        await staging.write(b"bytes")
        await opened(tmp_path)

        assert staging.path.read_bytes() == b"bytes"


async def test_strange_files_are_no_images(tmp_path: Path) -> None:
    folder = await opened(tmp_path)
    image = await kept(folder)
    strange = tmp_path / "temporary" / str(UUID(int=1, version=4))
    strange.mkdir()
    (strange / "notes.txt").write_text("x")
    (tmp_path / "temporary" / "file").write_text("x")
    (tmp_path / "temporary" / "folder").mkdir()

    assert await folder.images() == [image]
    assert await folder.find(TemporaryId(strange.name)) is None


async def test_nothing_waits_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = await opened(tmp_path)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    await kept(folder)

    assert synced == []


async def test_a_folder_that_has_gone_is_unavailable(tmp_path: Path) -> None:
    folder = await opened(tmp_path)
    (tmp_path / "temporary").rename(tmp_path / "elsewhere")

    with pytest.raises(StorageUnavailable):
        await kept(folder)


@pytest.mark.parametrize("text", ["", "x", "../x", "0" * 36, "{0b6e4c1e-58cf-4a57-9f0e-5c3a1d9c2f10}"])
def test_only_uuids_are_ids(text: str) -> None:
    with pytest.raises(NotFound):
        TemporaryId.parse(text)

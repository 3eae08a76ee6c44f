"""The cache of variants in a folder: whole or not at all, within its budget, and worth nothing to anyone else."""

import errno
import hashlib
import os
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from app.adapters.blobs.variants import VariantFolder
from app.domain.errors import StorageFull, StorageUnavailable
from app.domain.variants import Rendering, VariantFacts, VariantKey
from devkit.clock import FakeClock
from tests.support.disk import Disk

KIB = 1024


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "variants"


def folder(root: Path, clock: FakeClock, *, budget: int = 1000 * KIB, names: str = "n") -> VariantFolder:
    numbers = count()
    return VariantFolder(root, budget=budget, new_name=lambda: f"{names}{next(numbers)}", clock=clock)


@pytest.fixture
def cache(root: Path, clock: FakeClock) -> VariantFolder:
    return folder(root, clock)


def key(image: str = "pic", *, user: str = "ana", sha256: str = "a" * 64, width: int | None = 320) -> VariantKey:
    rendering = Rendering(extension="webp", width=width)
    return VariantKey(blob=f"{user}/{image}.png", sha256=sha256, rendering=rendering)


async def keep(cache: VariantFolder, which: VariantKey, content: bytes) -> None:
    sha256 = hashlib.sha256(content).hexdigest()
    await cache.keep(which, VariantFacts(extension="webp", size=len(content), sha256=sha256), content)


async def read(cache: VariantFolder, which: VariantKey) -> bytes | None:
    found = await cache.find(which)
    if found is None:
        return None
    try:
        content = b"".join([chunk async for chunk in found.blob.chunks(0, found.blob.size)])
    finally:
        await found.blob.aclose()
    assert (found.facts.size, found.facts.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return content


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_what_is_kept_is_found(cache: VariantFolder) -> None:
    await keep(cache, key(), b"small")
    assert await read(cache, key()) == b"small"


@pytest.mark.parametrize(
    "other", [key("pic2"), key(user="bob"), key(sha256="b" * 64), key(width=160), key(width=None), key(width=3200)]
)
async def test_what_was_never_kept_is_not_found(cache: VariantFolder, other: VariantKey) -> None:
    await keep(cache, key(), b"small")
    assert await read(cache, other) is None


async def test_a_format_is_not_taken_for_another(cache: VariantFolder) -> None:
    await keep(cache, key(), b"small")
    png = VariantKey(blob="ana/pic.png", sha256="a" * 64, rendering=Rendering(extension="png", width=320))
    assert await cache.find(png) is None


async def test_the_next_process_finds_it_too(cache: VariantFolder, root: Path, clock: FakeClock) -> None:
    await keep(cache, key(), b"small")
    assert await read(folder(root, clock), key()) == b"small"


async def test_another_process_finds_it_at_once(cache: VariantFolder, root: Path, clock: FakeClock) -> None:
    other = folder(root, clock, names="m")
    assert await read(other, key()) is None
    await keep(cache, key(), b"small")
    assert await read(other, key()) == b"small"
    await cache.forget("ana/pic.png")
    assert await read(other, key()) is None


@pytest.mark.parametrize("torn", [b"", b"sm", b"\0" * 5, b"smalls"])
async def test_what_a_power_cut_tore_is_not_served(
    cache: VariantFolder, root: Path, clock: FakeClock, torn: bytes
) -> None:
    await keep(cache, key(), b"small")
    (file,) = files(root)
    file.write_bytes(torn)
    again = folder(root, clock)
    assert await read(again, key()) is None
    assert files(root) == []
    await keep(again, key(), b"small")
    assert await read(again, key()) == b"small"


async def test_a_reader_is_not_disturbed_by_a_removal(cache: VariantFolder) -> None:
    await keep(cache, key(), b"small")
    found = await cache.find(key())
    assert found is not None
    await cache.forget("ana/pic.png")
    assert [chunk async for chunk in found.blob.chunks(0, 5)] == [b"small"]
    await found.blob.aclose()


async def test_all_variants_of_an_image_go_and_no_others(cache: VariantFolder, root: Path) -> None:
    for each in (key(), key(width=160), key("pic2"), key(user="bob")):
        await keep(cache, each, b"small")
    await cache.forget("ana/pic.png")
    assert await read(cache, key()) is await read(cache, key(width=160)) is None
    assert await read(cache, key("pic2")) == await read(cache, key(user="bob")) == b"small"
    await cache.forget("ana/pic2.png")
    assert not (root / "ana").exists()


async def test_forgetting_what_is_not_there_is_fine(cache: VariantFolder) -> None:
    await cache.forget("ana/pic.png")


async def test_the_least_recently_used_go_first(root: Path, clock: FakeClock) -> None:
    cache = folder(root, clock, budget=10 * KIB)
    for number in range(10):
        await keep(cache, key(f"pic{number}"), bytes([number]) * KIB)
        clock.advance(1)
    assert await read(cache, key("pic0"))
    clock.advance(1)
    await keep(cache, key("new"), b"n" * KIB)

    left = [number for number in range(10) if await read(cache, key(f"pic{number}")) is not None]
    assert left == [0, 3, 4, 5, 6, 7, 8, 9]
    assert await read(cache, key("new")) is not None


async def test_the_next_process_knows_what_was_used_last(root: Path, clock: FakeClock) -> None:
    cache = folder(root, clock, budget=20 * KIB)
    for number in range(10):
        await keep(cache, key(f"pic{number}"), bytes([number]) * KIB)
        clock.advance(1)
    await read(cache, key("pic0"))
    clock.advance(1)
    await keep(cache, key("large"), b"l" * 2 * KIB)
    again = folder(root, clock, budget=12 * KIB)
    await keep(again, key("new"), b"n" * KIB)

    assert await read(again, key("pic0")) is not None
    assert await read(again, key("pic1")) is None


async def test_the_budget_is_never_passed(root: Path, clock: FakeClock) -> None:
    cache = folder(root, clock, budget=20 * KIB)
    for number in range(60):
        await keep(cache, key(f"pic{number}"), bytes([number]) * (number * 97 % 3000 + 1))
        clock.advance(1)
        assert sum(file.stat().st_size for file in files(root)) <= 20 * KIB


async def test_several_processes_share_a_budget(root: Path, clock: FakeClock) -> None:
    caches = [folder(root, clock, budget=20 * KIB, names=name) for name in "abc"]
    for number in range(90):
        await keep(caches[number % 3], key(f"pic{number}"), bytes([number]) * KIB)
        clock.advance(1)
    # Each may be wrong by what the others wrote since it last looked: a twentieth of the budget, and one file.
    assert sum(file.stat().st_size for file in files(root)) <= 20 * KIB + 3 * 2 * KIB


@pytest.mark.parametrize("budget", [0, 4])
async def test_what_does_not_fit_in_alone_is_not_kept(root: Path, clock: FakeClock, budget: int) -> None:
    cache = folder(root, clock, budget=budget)
    await keep(cache, key(), b"small")
    assert await read(cache, key()) is None
    assert files(root) == []


async def test_the_originals_of_what_is_kept_are_told(cache: VariantFolder) -> None:
    for each in (key(), key(width=160), key("pic2"), key(user="bob")):
        await keep(cache, each, b"small")
    assert sorted(await cache.sources()) == ["ana/pic.png", "ana/pic2.png", "bob/pic.png"]


async def test_what_dead_writers_left_goes(cache: VariantFolder, root: Path) -> None:
    await keep(cache, key(), b"small")
    (root / ".making" / "left").write_bytes(b"sma")
    await cache.sources()
    assert [path.name for path in (root / ".making").iterdir()] == []


@pytest.fixture
async def disk(root: Path, cache: VariantFolder, monkeypatch: pytest.MonkeyPatch) -> Disk:
    await keep(cache, key("before"), b"before")
    return Disk(root, monkeypatch)


async def test_a_disk_that_is_full_leaves_nothing_behind(cache: VariantFolder, root: Path, disk: Disk) -> None:
    disk.fail("rename", errno.ENOSPC)
    with pytest.raises(StorageFull):
        await keep(cache, key(), b"small")
    disk.recover()
    assert await read(cache, key()) is None
    assert len(files(root)) == 1


async def test_a_failing_disk_is_told(cache: VariantFolder, disk: Disk) -> None:
    disk.fail("mkdir", errno.EROFS)
    with pytest.raises(StorageUnavailable):
        await keep(cache, key(), b"small")
    disk.recover()
    disk.fail("unlink", errno.EIO)
    with pytest.raises(StorageUnavailable):
        await cache.forget("ana/before.png")


async def test_nothing_is_synced(cache: VariantFolder, disk: Disk) -> None:
    await keep(cache, key(), b"small")
    assert not [call for call in disk.calls if call.startswith("fsync")]


async def test_a_variant_has_its_name_only_when_it_is_whole(cache: VariantFolder, disk: Disk) -> None:
    await keep(cache, key(), b"small")
    (named,) = (call for call in disk.calls if call.startswith("rename"))
    assert named.split()[1].startswith(".making/")
    assert named.split()[2].startswith("ana/pic.png/")


async def test_names_reveal_nothing_beyond_the_owner_and_the_image(cache: VariantFolder, root: Path) -> None:
    await keep(cache, key(), b"small")
    (file,) = files(root)
    assert file.parent == root / "ana" / "pic.png"
    assert len(file.name) < 255
    assert os.access(file, os.R_OK)


async def test_an_old_variant_stays_as_long_as_there_is_room(
    cache: VariantFolder, root: Path, clock: FakeClock
) -> None:
    await keep(cache, key(), b"small")
    clock.advance(timedelta(days=400).total_seconds())
    await keep(cache, key("pic2"), b"small")
    assert await read(folder(root, clock), key()) == b"small"

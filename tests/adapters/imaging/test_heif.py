"""HEIF in the workers: within their bounds, and what becomes of what was half handed over."""

import os
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app.adapters.imaging.heif_decoding import to_png
from app.adapters.imaging.outline import Limits
from app.domain.errors import SourceRejected
from tests.support import pictures
from tests.support.heifs import claiming, heic
from tests.support.inspector import MakePool, of_process
from tests.support.staging import FileStaging

MIB = 2**20


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a HEIC whose PNG is too long for any pipe."""
    path = tmp_path / "large"
    path.write_bytes(heic(pictures.picture(1600, 1200, seed=3)))
    return path


def converted(path: Path) -> bytes:
    return to_png(path.read_bytes(), Limits())


async def test_a_worker_loads_its_decoder_only_for_one(
    make_pool: MakePool, good: Path, large: Path, tmp_path: Path
) -> None:
    pool, into = make_pool(), FileStaging(tmp_path / "into")
    await pool.clean(good, into)
    before = of_process(pool, "maps")
    await pool.clean(large, into)

    assert (b"libheif" in before, b"libheif" in of_process(pool, "maps")) == (False, True)


async def test_it_decodes_in_one_thread(make_pool: MakePool, large: Path, tmp_path: Path) -> None:
    pool = make_pool()
    await pool.clean(large, FileStaging(tmp_path / "into"))

    assert b"Threads:\t1\n" in of_process(pool, "status")


async def test_a_png_arrives_in_slices(make_pool: MakePool, large: Path, tmp_path: Path) -> None:
    into = FileStaging(tmp_path / "into")
    kind = await make_pool().clean(large, into)

    assert (kind, into.largest_write <= 256 * 1024 < into.size) == ("image/heic", True)
    assert into.content == converted(large)


async def test_a_worker_that_is_killed_half_way_is_asked_again(
    make_pool: MakePool, large: Path, tmp_path: Path
) -> None:
    pool = make_pool()

    class Killing(FileStaging):
        async def write(self, chunk: bytes) -> None:
            await super().write(chunk)
            if not self.restarts:
                os.kill(pool.pids[0], signal.SIGKILL)

    into = Killing(tmp_path / "into")
    await pool.clean(large, into)

    assert (into.restarts, into.content) == (1, converted(large))


async def test_a_file_that_takes_no_more_ends_the_worker_that_fills_it(
    make_pool: MakePool, good: Path, large: Path, tmp_path: Path
) -> None:
    pool = make_pool()

    class Full(FileStaging):
        async def write(self, chunk: bytes) -> None:
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        await pool.clean(large, Full(tmp_path / "full"))
    assert pool.pids == []
    assert (await pool.inspect(good)).width == 70


# libheif fails in another place, and in other words, at each of them.
@pytest.mark.parametrize("mebibytes", [72, 80, 96, 112, 120])
async def test_what_takes_too_much_memory_is_refused(make_pool: MakePool, tmp_path: Path, mebibytes: int) -> None:
    path = tmp_path / "wide"
    path.write_bytes(heic(pictures.picture(4000, 3000, colour="red"), quality=10))
    pool = make_pool(memory_limit=mebibytes * MIB)

    with pytest.raises(SourceRejected) as caught:
        await pool.clean(path, FileStaging(tmp_path / "into"))
    assert caught.value.reason == "out_of_memory"


async def test_what_takes_too_long_is_refused(make_pool: MakePool, large: Path, tmp_path: Path) -> None:
    pool = make_pool(timeout=0.05)

    with pytest.raises(SourceRejected) as caught:
        await pool.clean(large, FileStaging(tmp_path / "into"))
    assert caught.value.reason == "decoder_timeout"


@pytest.mark.parametrize("limits", [Limits(max_pixels=64 * 63), Limits(max_side=63)], ids=["pixels", "side"])
def test_it_is_held_to_the_limits_before_it_is_decoded(limits: Limits) -> None:
    with pytest.raises(SourceRejected) as caught:
        to_png(heic(), limits)
    assert caught.value.reason == "too_many_pixels"


def test_a_lie_about_its_size_is_seen_before_the_library_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pillow_heif.open_heif", None)
    with pytest.raises(SourceRejected) as caught:
        to_png(claiming(heic(), 30_000, 30_000), Limits())
    assert caught.value.reason == "too_many_pixels"


def test_no_bit_that_is_turned_over_brings_anything_but_a_picture_or_a_refusal() -> None:
    content = heic()
    outcomes = set()
    for at in range(0, len(content), 7):
        turned = bytearray(content)
        turned[at] ^= 0x10
        try:
            with Image.open(BytesIO(to_png(bytes(turned), Limits(max_pixels=1_000_000)))) as found:
                found.load()
            outcomes.add("a picture")
        except SourceRejected as refusal:
            outcomes.add(refusal.reason)

    assert outcomes >= {"a picture", "corrupt"}


def test_the_decoder_is_no_part_of_starting_a_worker() -> None:
    code = "import sys, app.adapters.imaging.worker; sys.exit('pillow_heif' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

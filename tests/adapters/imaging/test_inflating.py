"""PNG with stored pixel data: the same picture, or the same bytes."""

import tracemalloc
import zlib
from io import BytesIO

import pytest
from PIL import Image

from app.adapters.imaging.inflate import inflated
from app.adapters.imaging.outline import Limits
from app.adapters.imaging.render import render
from app.adapters.imaging.sniff import walk
from app.domain.variants import Rendering
from tests.support import pictures

GOOD = {name: data for name, data in pictures.odd_but_valid().items() if "png" in name}
MODES = ("L", "LA", "P", "RGB", "RGBA", "1")


def cut(data: bytes, *, pieces: int) -> bytes:
    """Return the PNG *data* with its pixel data in several chunks."""
    start = data.index(b"IDAT")
    size = int.from_bytes(data[start - 4 : start], "big")
    body = data[start + 4 : start + 4 + size]
    step = -(-size // pieces)
    chunks = (pictures.png_chunk(b"IDAT", body[at : at + step]) for at in range(0, size, step))
    return data[: start - 4] + b"".join(chunks) + data[start + 8 + size :]


def assert_same(found: bytes, original: bytes) -> None:
    with Image.open(BytesIO(found)) as one, Image.open(BytesIO(original)) as other:
        assert (one.mode, one.size, one.info) == (other.mode, other.size, other.info)
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
def test_an_unusual_picture_stays_the_same(data: bytes) -> None:
    assert_same(inflated(data), data)


@pytest.mark.parametrize("mode", MODES)
def test_its_pixels_are_stored(mode: str) -> None:
    data = pictures.png(300, 200, mode=mode, seed=3)
    found = inflated(data)

    assert len(found) > 300 * 200 // 8
    assert found != data
    assert_same(found, data)
    assert walk(found, Limits()) == walk(data, Limits())


def test_pieces_become_one() -> None:
    data = pictures.png(200, 100, seed=1)
    found = inflated(cut(data, pieces=7))

    assert found == inflated(data)
    assert found.count(b"IDAT") == 1


def test_what_stands_before_and_behind_stays() -> None:
    before, after = pictures.png_chunk(b"gAMA", (45455).to_bytes(4, "big")), pictures.png_chunk(b"tEXt", b"Comment\0hi")
    found = inflated(pictures.raw_png(20, 10, before=[before], after=[after]))

    assert found.index(before) < found.index(b"IDAT") < found.index(after)


NO_WAY = {
    "an interlaced one": pictures.interlaced_png(),
    "an animation": pictures.animated("PNG"),
    "a JPEG": pictures.jpeg(),
    "a PNG in name only": pictures.png()[:8],
    "one that is cut off": pictures.png(100, 100, seed=1)[:-30],
    "one with less than its pixels": pictures.raw_png(9, 9, raw=b"\0" * 50),
    "one with more than its pixels": pictures.raw_png(9, 9, raw=b"\0" * 5_000),
    "one without pixels": pictures.png()[:33] + pictures.png_chunk(b"IEND"),
    "one of other data": pictures.png()[:33] + pictures.png_chunk(b"IDAT", bytes(9)) + pictures.png_chunk(b"IEND"),
}


@pytest.mark.parametrize("data", NO_WAY.values(), ids=NO_WAY.keys())
def test_anything_else_is_left_to_the_decoder(data: bytes) -> None:
    assert inflated(data) is data


def test_a_wrong_checksum_of_the_pixels_is_left_to_the_decoder() -> None:
    stream = bytearray(zlib.compress((b"\0" + bytes(30)) * 10))
    stream[-1] ^= 1
    data = pictures.png_chunk(b"IDAT", bytes(stream)) + pictures.png_chunk(b"IEND")
    data = b"\x89PNG\r\n\x1a\n" + pictures.png_header(10, 10) + data

    assert inflated(data) is data


def test_a_large_one_is_left_to_the_decoder_which_takes_a_row_at_a_time() -> None:
    data = pictures.raw_png(4_096, 2_048, colour_type=2)
    assert inflated(data) is data


def test_a_bomb_does_not_go_off() -> None:
    data = pictures.raw_png(10, 10, raw=bytes(50_000_000))
    tracemalloc.start()
    try:
        assert inflated(data) is data
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000


def test_a_rendering_is_the_same_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data, wanted = pictures.png(400, 300, seed=5), Rendering(extension="png", width=100)
    found = render(data, wanted)
    monkeypatch.setattr("app.adapters.imaging.render.inflated", lambda original: original)

    assert render(data, wanted) == found

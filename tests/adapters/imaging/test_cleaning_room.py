"""Parts of a picture that have one size or one meaning are no place to hide bytes in."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from app.adapters.imaging.cleaning.clean import clean
from app.adapters.imaging.cleaning.pieces import joined
from app.adapters.imaging.outline import Limits
from app.domain.errors import SourceRejected
from tests.support.metadata import SECRET, chunk_names, shown

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def cleaned(data: bytes) -> bytes:
    return joined(data, clean(data, Limits()))


def saved(kind: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    file = BytesIO()
    Image.new(mode, (8, 8)).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """Return *png* with one more chunk before its pixels."""
    at = png.index(b"IDAT") - 4
    return png[:at] + chunk(kind, body) + png[at:]


@pytest.mark.parametrize("kind", [b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs"], ids=bytes.decode)
def test_a_chunk_longer_than_its_kind_goes(kind: bytes) -> None:
    data = with_chunk(saved(), kind, bytes(32) + SECRET)
    assert SECRET not in cleaned(data)
    assert shown(cleaned(data)) == shown(data)


@pytest.mark.parametrize(
    ("kind", "size"), [(b"gAMA", 4), (b"cHRM", 32), (b"sRGB", 1), (b"sBIT", 3), (b"pHYs", 9)], ids=str
)
def test_one_of_the_right_size_stays(kind: bytes, size: int) -> None:
    assert cleaned(data := with_chunk(saved(), kind, b"\1" * size)) == data


@pytest.mark.parametrize(("mode", "size"), [("L", 2), ("RGB", 6)], ids=["grey", "colour"])
def test_transparency_of_a_wrong_size_is_refused(mode: str, size: int) -> None:
    assert "tRNS" in chunk_names(cleaned(with_chunk(saved(mode=mode), b"tRNS", bytes(size))))
    with pytest.raises(SourceRejected):
        cleaned(with_chunk(saved(mode=mode), b"tRNS", bytes(size) + SECRET))


def test_transparency_beyond_the_palette_is_refused() -> None:
    with pytest.raises(SourceRejected):
        cleaned(with_chunk(saved(mode="P"), b"tRNS", bytes(257)))


def test_colours_that_no_pixel_can_name_go() -> None:
    header = struct.pack(">IIBBBBB", 8, 8, 1, 3, 0, 0, 0)
    pixels = zlib.compress(bytes([0, 0b01010101] * 8))
    chunks = ((b"IHDR", header), (b"PLTE", b"\1" * 6 + SECRET[:9]), (b"tRNS", b"ab" + SECRET[:3]))
    ends = ((b"IDAT", pixels), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in (*chunks, *ends))
    assert SECRET[:3] not in cleaned(data)
    assert shown(cleaned(data))[0].pixels == shown(data)[0].pixels


@pytest.mark.parametrize("mode", ["LA", "RGBA"], ids=str)
def test_transparency_beside_an_alpha_channel_goes(mode: str) -> None:
    assert "tRNS" not in chunk_names(cleaned(with_chunk(saved(mode=mode), b"tRNS", b"hidden")))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"], ids=str)
def test_a_palette_that_no_pixel_names_goes(mode: str) -> None:
    data = with_chunk(saved(mode=mode), b"PLTE", b"abc" * 9)
    assert "PLTE" not in chunk_names(cleaned(data))
    assert shown(cleaned(data)) == shown(data)


def test_a_profile_keeps_its_colours_and_loses_its_name() -> None:
    data = with_chunk(saved(), b"iCCP", SECRET[:70] + b"\0\0" + zlib.compress(PROFILE))
    assert SECRET[:70] not in cleaned(data)
    assert Image.open(BytesIO(cleaned(data))).info["icc_profile"] == PROFILE


@pytest.mark.parametrize("kind", ["PNG", "JPEG"], ids=str)
def test_what_is_no_colour_profile_goes_and_one_that_is_stays(kind: str) -> None:
    fake = saved(kind, icc_profile=SECRET * 20)
    assert "icc_profile" not in Image.open(BytesIO(cleaned(fake))).info
    assert shown(cleaned(fake))[0].pixels == shown(fake)[0].pixels
    assert Image.open(BytesIO(cleaned(saved(kind, icc_profile=PROFILE)))).info["icc_profile"] == PROFILE

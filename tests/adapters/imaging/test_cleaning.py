"""What cleaning keeps, bit for bit, and what it takes away; whatever is said of a file here, its own bytes show."""

import shutil
import struct
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.adapters.imaging import sniff
from app.adapters.imaging.boxes import parse_boxes
from app.adapters.imaging.cleaning.clean import clean
from app.adapters.imaging.cleaning.items import parse_locations
from app.adapters.imaging.cleaning.pieces import joined
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.outline import Limits
from app.domain.errors import SourceRejected
from tests.support import hostile_pictures as hostile
from tests.support import pictures
from tests.support.metadata import SECRET, chunk_names, described, shown

FORMATS = ("PNG", "JPEG", "WEBP", "AVIF")
each_format = pytest.mark.parametrize("kind", FORMATS)


def cleaned(data: bytes) -> bytes:
    return joined(data, clean(data, Limits()))


@pytest.mark.parametrize(("name", "data"), pictures.odd_but_valid().items(), ids=pictures.odd_but_valid())
def test_an_odd_picture_shows_the_same(name: str, data: bytes) -> None:
    assert shown(cleaned(data)) == shown(data)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_moves_as_it_did(kind: str) -> None:
    data = pictures.animated(kind)

    assert shown(cleaned(data)) == shown(data)
    assert len(shown(data)) == 3


@each_format
def test_exif_xmp_and_words_go(kind: str) -> None:
    data = described(kind)

    assert SECRET in data
    assert SECRET not in cleaned(data)


def test_a_png_keeps_the_chunks_that_show() -> None:
    assert chunk_names(cleaned(described("PNG", orientation=6))) == ["IHDR", "eXIf", "iCCP", "IDAT", "IEND"]


@each_format
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stays_the_way_up_it_was(kind: str, orientation: int) -> None:
    data = described(kind, orientation=orientation)

    assert shown(cleaned(data)) == shown(data)
    assert shown(data)[0].orientation == orientation


@each_format
def test_nothing_but_the_orientation_is_left_of_exif(kind: str) -> None:
    assert set(shown(cleaned(described(kind, orientation=6)))[0].exif) == {0x0112}


@each_format
def test_an_upright_picture_has_no_exif_left(kind: str) -> None:
    assert shown(cleaned(described(kind)))[0].exif == {}


@each_format
@pytest.mark.parametrize("tail", [hostile.HTML, hostile.ZIP, SECRET, b"\0" * 40, pictures.jpeg(8, 6)])
def test_what_follows_the_end_goes(kind: str, tail: bytes) -> None:
    data = described(kind)

    assert cleaned(data + tail) == cleaned(data)


def test_the_second_picture_of_a_phones_jpeg_goes() -> None:
    data = hostile.mpo()
    sniff.walk(cleaned(data), Limits())

    assert shown(cleaned(data))[0].pixels == shown(data)[0].pixels
    assert len(cleaned(data)) < len(data)


def test_metadata_that_share_bytes_with_the_picture_are_refused() -> None:
    data = described("AVIF")
    boxes = {box.kind: box for box in parse_boxes(Cursor(data, start=data.index(b"meta") + 8, stop=_end_of_meta(data)))}
    extents = list(parse_locations(boxes[b"iloc"].body, None))
    picture, words = extents[0].span, extents[1].span
    place = struct.pack(">I", words.start)
    assert data.count(place) == 1

    with pytest.raises(SourceRejected) as caught:
        clean(data.replace(place, struct.pack(">I", picture.start)), Limits())
    assert "cannot be told from its picture" in caught.value.detail


def _end_of_meta(data: bytes) -> int:
    start = data.index(b"meta") - 4
    return start + int.from_bytes(data[start : start + 4], "big")


def test_a_gif_repeats_as_often_as_it_did_and_says_nothing() -> None:
    frames = [pictures.picture(8, 6, seed=seed) for seed in range(3)]
    buffer = BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], loop=3, duration=40, comment=SECRET)
    data = buffer.getvalue()

    assert SECRET in data
    assert SECRET not in cleaned(data)
    assert shown(cleaned(data)) == shown(data)
    assert shown(data)[0].loop == 3


@each_format
def test_cleaning_twice_is_cleaning_once(kind: str) -> None:
    once = cleaned(described(kind, orientation=3) + hostile.ZIP)

    assert cleaned(once) == once


def test_what_only_claims_to_be_a_profile_of_a_webp_goes() -> None:
    buffer = BytesIO()
    pictures.picture(64, 48).save(buffer, "WEBP", icc_profile=SECRET)
    found = cleaned(buffer.getvalue())

    assert SECRET in buffer.getvalue()
    assert SECRET not in found
    assert found[20] & 0x20 == 0  # nor is one announced
    assert shown(found)[0].pixels == shown(buffer.getvalue())[0].pixels


def test_a_frame_of_a_webp_has_no_profile() -> None:
    whole = pictures.animated("WEBP")
    at = whole.index(b"ANMF") + 8
    (size,) = struct.unpack_from("<I", whole, at - 4)
    hidden = b"ICCP" + struct.pack("<I", len(SECRET)) + SECRET + bytes(len(SECRET) % 2)
    frame = whole[at : at + 16] + hidden + whole[at + 16 : at + size]
    body = whole[8 : at - 4] + struct.pack("<I", len(frame)) + frame + whole[at + size :]
    found = cleaned(b"RIFF" + struct.pack("<I", len(body)) + body)

    assert found == cleaned(whole)


@each_format
def test_a_profile_stays(kind: str) -> None:
    assert shown(cleaned(described(kind)))[0].profile == shown(described(kind))[0].profile != b""


@pytest.mark.parametrize(("name", "data"), hostile.zero_sized().items(), ids=hostile.zero_sized())
def test_a_picture_without_pixels_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(SourceRejected):
        clean(data, Limits())


@pytest.mark.parametrize(("name", "data"), hostile.strangers().items(), ids=hostile.strangers())
def test_what_is_no_picture_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(SourceRejected):
        clean(data, Limits())


@pytest.mark.parametrize("kind", [*FORMATS, "GIF"])
def test_half_a_picture_is_refused(kind: str) -> None:
    data = described(kind)

    with pytest.raises(SourceRejected):
        clean(data[: len(data) // 2], Limits())


@pytest.mark.parametrize("make", [hostile.bomb_png, hostile.bomb_webp, hostile.bomb_jpeg, hostile.bomb_avif])
def test_a_bomb_is_refused_before_anything_is_decoded(make: Callable[[], bytes]) -> None:
    with pytest.raises(SourceRejected) as caught:
        clean(make(), Limits())

    assert caught.value.reason == "too_many_pixels"


def test_a_flood_of_text_is_no_reason_to_refuse_the_picture_in_it() -> None:
    data = hostile.text_flood_png(100)

    assert len(cleaned(data)) < 200
    assert "zTXt" not in chunk_names(cleaned(data))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from([*FORMATS, "GIF"]), where=st.floats(0, 1), change=st.binary(min_size=1, max_size=8))
def test_damage_is_refused_or_gives_a_clean_picture(kind: str, where: float, change: bytes) -> None:
    data = bytearray(described(kind))
    at = int(where * len(data))
    data[at : at + len(change)] = change
    try:
        found = cleaned(bytes(data))
    except SourceRejected:
        return
    sniff.walk(found, Limits())
    assert cleaned(found) == found


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@each_format
def test_exiftool_finds_nothing_either(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(cleaned(described(kind, orientation=6) + hostile.ZIP))
    found = subprocess.run(["exiftool", "-a", "-G1", "-s", path], capture_output=True, check=True).stdout.decode()

    assert not [line for line in found.splitlines() if line.startswith(("[GPS]", "[XMP", "[ExifIFD]", "[IFD1]"))]
    assert SECRET.decode() not in found

"""The structural walks: what they accept, and what they refuse before any decoder runs."""

import random
import struct

import pytest

from app.adapters.imaging.outline import Limits, Outline
from app.adapters.imaging.sniff import walk
from app.domain.errors import SourceRejected
from tests.support import hostile_pictures as hostile
from tests.support import pictures

SMALL = {
    "png": pictures.png(16, 12),
    "apng": pictures.animated("PNG", width=16, height=12),
    "jpeg": pictures.jpeg(16, 12),
    "progressive jpeg": pictures.jpeg(16, 12, progressive=True),
    "webp": pictures.webp(16, 12),
    "lossless webp": pictures.webp(16, 12, lossless=True),
    "animated webp": pictures.animated("WEBP", width=16, height=12),
    "gif": pictures.gif(16, 12),
    "animated gif": pictures.animated("GIF", width=16, height=12),
    "avif": pictures.avif(16, 12),
    "animated avif": pictures.animated("AVIF", width=16, height=12),
}
EVERY_KIND = pytest.mark.parametrize("data", SMALL.values(), ids=SMALL.keys())


def reason(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(SourceRejected) as caught:
        walk(data, limits or Limits())
    return caught.value.reason


def outline(data: bytes, limits: Limits | None = None) -> Outline:
    return walk(data, limits or Limits())


@EVERY_KIND
def test_a_whole_picture_passes(data: bytes) -> None:
    found = outline(data)

    assert (found.width, found.height) == (16, 12)


@EVERY_KIND
def test_no_beginning_of_a_picture_passes(data: bytes) -> None:
    reasons = {reason(data[:length]) for length in range(len(data))}

    assert reasons <= {"empty", "truncated", "not_an_image", "unsupported_format"}
    assert reason(data[:-1]) == "truncated"


@EVERY_KIND
@pytest.mark.parametrize(
    "tail", [hostile.HTML, hostile.ZIP, b"\0", b"\n", bytes(16)], ids=["html", "zip", "nul", "newline", "padding"]
)
def test_nothing_may_follow_the_end(data: bytes, tail: bytes) -> None:
    assert reason(data + tail) == "trailing_bytes"


@EVERY_KIND
def test_two_pictures_in_a_row_are_not_one(data: bytes) -> None:
    assert reason(data + data) in {"trailing_bytes", "corrupt"}


@EVERY_KIND
def test_damage_is_accepted_or_refused_and_never_a_mistake_of_ours(data: bytes) -> None:
    dice = random.Random(len(data))
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            damaged[min(int(dice.expovariate(0.02)), len(data) - 1)] = dice.choice((0, 1, 127, 255))
        try:
            walk(bytes(damaged), Limits())
        except SourceRejected:
            continue


@pytest.mark.parametrize("data", pictures.odd_but_valid().values(), ids=pictures.odd_but_valid().keys())
def test_the_odd_but_valid_pass(data: bytes) -> None:
    assert outline(data).frames == 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_frames_are_counted(kind: str) -> None:
    assert outline(pictures.animated(kind, frames=5)).frames == 5


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_more_frames_than_the_limit_are_refused(kind: str) -> None:
    data = pictures.animated(kind, frames=5)

    assert outline(data, Limits(max_frames=5)).frames == 5
    assert reason(data, Limits(max_frames=4)) == "too_many_frames"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_frames_are_limited_by_their_pixels_too(kind: str) -> None:
    data = pictures.animated(kind, frames=4, width=20, height=10)

    assert outline(data, Limits(max_pixels=200, max_total_pixels=800)).frames == 4
    assert reason(data, Limits(max_pixels=200, max_total_pixels=799)) == "too_many_frames"


@EVERY_KIND
def test_pixels_and_sides_are_limited(data: bytes) -> None:
    assert outline(data, Limits(max_pixels=16 * 12, max_side=16)).width == 16
    assert reason(data, Limits(max_pixels=16 * 12 - 1)) == "too_many_pixels"
    assert reason(data, Limits(max_side=15)) == "too_many_pixels"


@pytest.mark.parametrize("data", hostile.zero_sized().values(), ids=hostile.zero_sized().keys())
def test_a_picture_without_pixels_is_refused(data: bytes) -> None:
    assert reason(data) == "zero_size"


STRANGERS = hostile.strangers()
NOT_IMAGES = {"text", "html", "zip", "pdf", "webm", "avi"}


@pytest.mark.parametrize("name", STRANGERS)
def test_other_kinds_of_files_are_refused_by_their_content(name: str) -> None:
    expected = {"nothing": "empty"} | dict.fromkeys(NOT_IMAGES, "not_an_image")

    assert reason(STRANGERS[name]) == expected.get(name, "unsupported_format")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(hostile.bomb_png(), "too_many_pixels", id="png of 256 million pixels"),
        pytest.param(hostile.bomb_webp(), "too_many_pixels", id="webp of 34 bytes"),
        pytest.param(hostile.bomb_jpeg(), "too_many_pixels", id="jpeg of 4 billion pixels"),
        pytest.param(hostile.bomb_avif(), "too_many_pixels", id="avif of 3 billion pixels"),
        pytest.param(hostile.endless_apng(), "too_many_frames", id="apng of 2 billion frames"),
        pytest.param(hostile.gif_of_frames(200_000), "too_many_frames", id="gif of 200,000 frames"),
        pytest.param(hostile.gif_outside(), "corrupt", id="gif frame far outside"),
        pytest.param(hostile.excess_png(), "excess_data", id="png with 128 MiB behind 16 pixels"),
        pytest.param(hostile.text_flood_png(), "too_complex", id="png of 2,000 texts"),
        pytest.param(hostile.scan_bomb_jpeg(), "too_complex", id="jpeg of 1,000 scans"),
        pytest.param(hostile.mpo(), "trailing_bytes", id="multi-picture jpeg"),
    ],
)
def test_an_attack_ends_at_the_walk(data: bytes, expected: str) -> None:
    assert reason(data) == expected


def test_the_end_marker_of_a_thumbnail_does_not_end_the_jpeg() -> None:
    data = pictures.odd_but_valid()["jpeg with an exif thumbnail"]

    assert reason(data[: data.index(b"\xff\xd9") + 2]) == "truncated"


def test_an_index_of_pictures_that_were_cut_off_does_no_harm() -> None:
    data = hostile.mpo()

    assert outline(data[: data.index(b"\xff\xd9") + 2]) == Outline(format="JPEG", width=64, height=48)


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xCA], ids=["lossless", "arithmetic", "progressive arithmetic"])
def test_a_jpeg_that_browsers_do_not_show_is_refused(marker: int) -> None:
    assert reason(pictures.jpeg().replace(b"\xff\xc0", bytes([0xFF, marker]))) == "unsupported_format"


PNG_START = pictures.raw_png(4, 4)[:33]
IDAT = pictures.raw_png(4, 4)[33:-12]
IEND = pictures.png_chunk(b"IEND")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PNG_START + IEND, id="no image data"),
        pytest.param(PNG_START + PNG_START[8:] + IDAT + IEND, id="two headers"),
        pytest.param(PNG_START[:8] + IDAT + PNG_START[8:] + IEND, id="header later"),
        pytest.param(PNG_START + IDAT + pictures.png_chunk(b"tEXt") + IDAT + IEND, id="data in two places"),
        pytest.param(PNG_START + pictures.png_chunk(b"BAD!") + IDAT + IEND, id="a kind that is no word"),
        pytest.param(PNG_START + pictures.png_chunk(b"CgBI") + IDAT + IEND, id="unknown critical chunk"),
        pytest.param(PNG_START + IDAT + pictures.png_chunk(b"IEND", b"x"), id="end with a body"),
        pytest.param(pictures.raw_png(4, 4, colour_type=3), id="palette missing"),
        pytest.param(pictures.raw_png(4, 4).replace(b"IDAT", b"IDAX"), id="wrong checksum"),
        pytest.param(hostile.endless_apng(2), id="frames missing"),
    ],
)
def test_a_png_that_contradicts_itself_is_corrupt(data: bytes) -> None:
    assert reason(data) == "corrupt"


@pytest.mark.parametrize(("depth", "colour_type"), [(16, 3), (3, 0), (1, 2), (8, 5), (4, 6)], ids=str)
def test_an_illegal_depth_or_colour_type_is_corrupt(depth: int, colour_type: int) -> None:
    header = pictures.png_header(4, 4, depth=depth, colour_type=colour_type)

    assert reason(PNG_START[:8] + header + IDAT + IEND) == "corrupt"


def test_an_apng_whose_first_picture_is_no_frame_counts_it_too() -> None:
    data = pictures.animated("PNG", frames=2)
    control = data.index(b"fcTL") - 4
    outside = data[:control] + data[control + 38 :]

    assert reason(outside) == "corrupt"
    assert outline(outside.replace(_animation(2), _animation(1))).frames == 2


def _animation(frames: int) -> bytes:
    return pictures.png_chunk(b"acTL", struct.pack(">II", frames, 0))


def test_a_webp_may_lack_the_padding_of_its_last_chunk() -> None:
    body = pictures.webp()[12:]
    odd = b"XTRA" + struct.pack("<I", 3) + b"abc"
    data = b"RIFF" + struct.pack("<I", 4 + len(body) + len(odd)) + b"WEBP" + body + odd

    assert outline(data).format == "WEBP"


def test_an_avif_box_up_to_the_end_of_the_file_is_refused() -> None:
    data = pictures.avif()
    at = data.index(b"mdat") - 4

    assert reason(data[:at] + bytes(4) + data[at + 4 :]) == "corrupt"

"""Colours that a file tells by numbers (ITU-T H.273) only: heeded wherever pixels are made of it."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from app.adapters.imaging.decode import decode
from app.adapters.imaging.outline import Limits
from app.adapters.imaging.profiles import find_profile
from app.adapters.imaging.render import render, small_copy
from app.adapters.imaging.sniff import walk
from app.domain.variants import Rendering
from tests.support.heifs import wide_profile
from tests.support.pictures import png_chunk

SHOWN = (128, 200, 60)
IN_SRGB = (102, 203, 0)  # of Display P3
HEADER = 33  # a PNG's signature and IHDR
DISPLAY_P3, BT_2020_PQ, BT_2020_HLG, SRGB = (12, 13), (9, 16), (9, 18), (1, 13)

Points = tuple[int, int]


def png(points: Points, *before: bytes, colour: tuple[int, ...] = SHOWN, **options: object) -> bytes:
    """Return a PNG that says *points*."""
    buffer = BytesIO()
    Image.new("RGB" if len(colour) == 3 else "RGBA", (64, 48), colour).save(buffer, "PNG", **options)
    data = buffer.getvalue()
    return data[:HEADER] + b"".join((png_chunk(b"cICP", bytes((*points, 0, 1))), *before)) + data[HEADER:]


def avif(points: Points, **options: object) -> bytes:
    """Return an AVIF that says *points*."""
    buffer = BytesIO()
    Image.new("RGB", (64, 48), SHOWN).save(buffer, "AVIF", quality=100, subsampling="4:4:4", **options)
    data = buffer.getvalue()
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", *points) + data[at + 4 :]


def middle(data: bytes, mode: str = "RGB") -> tuple[int, ...]:
    with Image.open(BytesIO(data)) as found:
        return found.convert(mode).getpixel((found.width // 2, found.height // 2))


def rendered(data: bytes, mode: str = "RGB") -> tuple[int, ...]:
    return middle(render(data, Rendering(extension="png", width=32)), mode)


@pytest.mark.parametrize("data", [png(DISPLAY_P3), avif(DISPLAY_P3)], ids=["PNG", "AVIF"])
def test_numbers_alone_are_heeded(data: bytes) -> None:
    assert rendered(data) == pytest.approx(IN_SRGB, abs=3)


@pytest.mark.parametrize("data", [png(DISPLAY_P3), avif(DISPLAY_P3)], ids=["PNG", "AVIF"])
def test_what_is_made_as_an_image_comes_in_has_the_same_colours(data: bytes) -> None:
    copies: list[bytes | None] = []
    gallery = Rendering(extension="webp", width=32)
    decoded = decode(data, walk(data, Limits()), on_first=lambda *found: copies.append(small_copy(*found, gallery)))

    assert middle(copies[0] or b"") == pytest.approx(IN_SRGB, abs=6)
    assert tuple(decoded.sample.rgba[:4]) == pytest.approx((*IN_SRGB, 255), abs=3)


def test_numbers_leave_alpha_alone() -> None:
    assert rendered(png(DISPLAY_P3, colour=(*SHOWN, 90)), "RGBA") == pytest.approx((*IN_SRGB, 90), abs=3)


def test_the_numbers_of_a_png_come_before_its_profile() -> None:
    assert rendered(png(SRGB, icc_profile=wide_profile())) == SHOWN


def test_the_numbers_of_a_png_come_before_its_gamma() -> None:
    assert rendered(png(SRGB, png_chunk(b"gAMA", struct.pack(">I", 100_000)))) == SHOWN


def test_the_profile_of_an_avif_comes_before_its_numbers() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert rendered(avif_with_both(profile)) == pytest.approx(SHOWN, abs=3)


def avif_with_both(profile: bytes) -> bytes:
    """Return an AVIF whose profile is followed by numbers that say something else."""
    buffer = BytesIO()
    Image.new("RGB", (64, 48), SHOWN).save(buffer, "AVIF", quality=100, subsampling="4:4:4", icc_profile=profile)
    data = buffer.getvalue()
    assert b"nclx" in data
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", *DISPLAY_P3) + data[at + 4 :]


@pytest.mark.parametrize("points", [(2, 2), (1, 1), (12, 2), (2, 13), (250, 13), (12, 250)], ids=str)
def test_numbers_that_say_nothing_or_nothing_new_change_no_colour(points: Points) -> None:
    assert rendered(png(points)) == SHOWN


@pytest.mark.parametrize("transfer", [1, 6, 14, 15, 18])
def test_curves_of_video_count_as_the_one_screens_have(transfer: int) -> None:
    assert rendered(png((12, transfer))) == rendered(png(DISPLAY_P3))


# 203 candelas a square metre are 58 % of PQ's range, 26 of them 38 %.
@pytest.mark.parametrize(("sample", "grey"), [(0, 0), (97, 101), (148, 255), (200, 255)], ids=str)
def test_what_is_white_on_paper_is_white_in_hdr_too(sample: int, grey: int) -> None:
    assert rendered(png(BT_2020_PQ, colour=(sample, sample, sample))) == pytest.approx((grey,) * 3, abs=3)


def test_hlg_keeps_its_greys() -> None:
    assert rendered(png(BT_2020_HLG, colour=(90, 90, 90))) == pytest.approx((90,) * 3, abs=1)


@pytest.mark.parametrize("primaries", [1, 5, 6, 7, 9, 12])
def test_the_primaries_make_white(primaries: int) -> None:
    assert rendered(png((primaries, 8), colour=(255, 255, 255))) == (255, 255, 255)


def test_a_profile_says_how_long_it_is_and_what_it_is_of() -> None:
    profile = find_profile(*DISPLAY_P3) or b""

    assert (int.from_bytes(profile[:4]), len(profile) % 4) == (len(profile), 0)
    assert ImageCms.getProfileDescription(BytesIO(profile)).strip() == "H.273: 12, 13"

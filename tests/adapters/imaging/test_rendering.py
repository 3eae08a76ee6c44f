"""Renderings, in this process: the right pixels in the right place, the right colours, and nothing beside them."""

import struct
from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageOps, ImageStat

from app.adapters.imaging.render import render
from app.domain.errors import SourceRejected
from app.domain.variants import TARGETS, Rendering
from tests.support import pictures

TARGET = pytest.mark.parametrize("extension", sorted(TARGETS))


def rendered(data: bytes, extension: str = "png", width: int | None = None) -> Image.Image:
    found = Image.open(BytesIO(render(data, Rendering(extension=extension, width=width))))
    found.load()
    return found


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def quadrants(width: int = 120, height: int = 80) -> Image.Image:
    """Return red, green, blue and white, each in a corner of its own."""
    image = Image.new("RGB", (2, 2))
    image.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)])
    return image.resize((width, height), Image.Resampling.NEAREST)


def assert_alike(one: Image.Image, other: Image.Image, *, tolerance: float = 6.0) -> None:
    assert one.size == other.size
    for mode in ("RGB", "RGBA"):
        difference = ImageStat.Stat(ImageChops.difference(one.convert(mode), other.convert(mode)))
        assert max(difference.mean) <= tolerance, difference.mean


@TARGET
@pytest.mark.parametrize("width", [None, 100])
def test_it_has_the_format_and_the_width_that_were_asked_for(extension: str, width: int | None) -> None:
    found = rendered(pictures.png(300, 200), extension, width)

    assert found.format == {"jpg": "JPEG"}.get(extension, extension.upper())
    assert found.size == ((100, 67) if width else (300, 200))


@TARGET
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_a_conversion_keeps_the_picture(extension: str, kind: str) -> None:
    original = pictures.picture(160, 120, seed=4)

    assert_alike(rendered(saved(original, kind, quality=90), extension), original)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("width", [None, 60])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_it_is_upright(orientation: int, width: int | None, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(quadrants(), kind, exif=exif, quality=95)
    shown = ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")
    found = rendered(data, "png", width)

    if width:
        shown = shown.resize((width, round(shown.height * width / shown.width)), Image.Resampling.BOX)
    assert_alike(found, shown, tolerance=12)


@pytest.mark.parametrize("data", pictures.odd_but_valid().values(), ids=pictures.odd_but_valid().keys())
@TARGET
def test_the_odd_but_valid_are_rendered_as_they_look(data: bytes, extension: str) -> None:
    with Image.open(BytesIO(data)) as image:
        size = image.size
    found = rendered(data, extension)

    assert found.size == size
    assert found.mode in {"L", "LA", "RGB", "RGBA"}


@pytest.mark.parametrize(("value", "shown"), [(0, 0), (0x00FF, 1), (0x8000, 128), (0xFFFF, 255)])
@pytest.mark.parametrize("colour_type", [0, 2])
def test_sixteen_bits_become_eight(value: int, shown: int, colour_type: int) -> None:
    row = b"\0" + struct.pack(">H", value) * 8 * (1 if colour_type == 0 else 3)
    found = rendered(pictures.raw_png(8, 8, depth=16, colour_type=colour_type, raw=row * 8), "png", 4)

    assert abs(found.convert("L").getpixel((2, 2)) - shown) <= 1


def test_sixteen_bits_of_grey_can_be_transparent() -> None:
    row = b"\0" + struct.pack(">HH", 0x1234, 0xFFFF)
    clear = pictures.png_chunk(b"tRNS", struct.pack(">H", 0x1234))
    found = rendered(pictures.raw_png(2, 2, depth=16, colour_type=0, raw=row * 2, before=[clear]))

    assert [found.convert("RGBA").getpixel((x, 0))[3] for x in (0, 1)] == [0, 255]


@pytest.mark.parametrize("extension", ["png", "webp", "avif"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("width", [None, 40])
def test_alpha_is_kept(extension: str, kind: str, width: int | None) -> None:
    alpha = rendered(pictures.with_alpha(kind, width=80, height=60), extension, width).convert("RGBA").getchannel("A")
    assert alpha.getpixel((10, 0)) < 12
    assert alpha.getpixel((10, alpha.height - 1)) > 243


def test_alpha_of_a_palette_is_kept() -> None:
    image = Image.new("RGBA", (64, 64), (200, 30, 30, 255))
    image.paste((0, 0, 0, 0), (0, 0, 32, 64))
    found = rendered(saved(image.quantize(4)), "webp", 32).convert("RGBA")
    assert (found.getpixel((4, 16))[3], found.getpixel((28, 16))[3]) == (0, 255)
    assert_alike(found.crop((20, 0, 32, 32)), Image.new("RGB", (12, 32), (200, 30, 30)))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_jpeg_stands_on_white(mode: str) -> None:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    found = rendered(saved(image.convert(mode) if mode != "P" else image.quantize(2)), "jpg")
    assert min(found.convert("L").getextrema()) >= 253


def test_colour_that_cannot_be_seen_does_not_bleed_into_what_can() -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 31, 64))
    found = rendered(saved(image), "png", 16)
    middle = [found.convert("RGBA").getpixel((x, 8)) for x in range(16)]
    assert all(red == 0 for red, _, _, alpha in middle if alpha)
    assert any(0 < alpha < 255 for _, _, _, alpha in middle)


def test_an_alpha_that_hides_nothing_is_left_out() -> None:
    assert rendered(saved(pictures.picture(32, 32).convert("RGBA")), "png").mode == "RGB"


@pytest.mark.parametrize("extension", sorted(TARGETS))
@pytest.mark.parametrize("make", [lambda: pictures.jpeg(mode="CMYK", seed=2), pictures.ycck_jpeg])
def test_four_inks_become_three_lights(extension: str, make: Callable[[], bytes]) -> None:
    data = make()
    assert_alike(rendered(data, extension), Image.open(BytesIO(data)).convert("RGB"))


def test_an_interlaced_picture_is_whole() -> None:
    assert rendered(pictures.interlaced_png(), "png", 4).convert("L").getextrema() == (128, 128)


def test_a_palette_is_averaged_by_colour_and_not_by_number() -> None:
    stripes = Image.new("RGB", (64, 64), "white")
    for x in range(0, 64, 2):
        stripes.paste((0, 0, 0), (x, 0, x + 1, 64))
    found = rendered(saved(stripes.quantize(2)), "png", 16).convert("L")
    assert all(abs(value - 128) <= 4 for value in found.getextrema())


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"]),
    extension=st.sampled_from(sorted(TARGETS)),
    wanted=st.none() | st.integers(1, 100),
)
def test_any_size_and_mode_is_rendered(width: int, height: int, mode: str, extension: str, wanted: int | None) -> None:
    image = pictures.picture(width, height).convert("L" if mode == "I;16" else mode)
    data = saved(image.convert("I;16") if mode == "I;16" else image, "JPEG" if mode == "CMYK" else "PNG")
    rendering = Rendering(extension=extension, width=wanted)

    assert rendered(data, extension, wanted).size == rendering.size(width, height)


@pytest.mark.parametrize("data", [b"", b"not a picture", pictures.png()[:-200], pictures.jpeg()[:300]])
def test_what_cannot_be_decoded_is_refused(data: bytes) -> None:
    with pytest.raises(SourceRejected):
        render(data, Rendering(extension="webp", width=16))

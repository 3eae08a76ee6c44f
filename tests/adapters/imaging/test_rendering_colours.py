"""Colours of renderings: whatever a file says about its colours has been heeded, and nothing of it leaves."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from app.adapters.imaging.render import render
from app.domain.variants import TARGETS, Rendering
from tests.support import pictures

Point = tuple[float, float, float]

WHITE = (0.9642, 1.0, 0.8249)


def profile(
    *, red: tuple[float, float, float], green: tuple[float, float, float], blue: tuple[float, float, float]
) -> bytes:
    """Return an ICC profile (version 2) of these primaries in XYZ (D50), with sRGB's gamma as a plain power."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {
        b"desc": text + bytes(-len(text) % 4),
        b"cprt": b"text" + bytes(4) + b"none",
        b"wtpt": _xyz(WHITE),
        b"rXYZ": _xyz(red),
        b"gXYZ": _xyz(green),
        b"bXYZ": _xyz(blue),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content
    head = struct.pack(">I", at + len(body)) + bytes(4) + struct.pack(">I", 0x02400000) + b"mntrRGB XYZ " + bytes(12)
    head += b"acsp" + bytes(28) + b"".join(struct.pack(">i", round(value * 65536)) for value in WHITE) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


def _xyz(values: Point) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


# Adobe RGB (1998): its green lies far outside sRGB.
WIDE = profile(red=(0.60974, 0.31111, 0.01947), green=(0.20528, 0.62567, 0.06087), blue=(0.14919, 0.06322, 0.74457))
# Red and green in each other's place: nobody can overlook that.
SWAPPED = profile(red=(0.3851, 0.7169, 0.0971), green=(0.4361, 0.2225, 0.0139), blue=(0.1431, 0.0606, 0.7142))


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def shown(data: bytes, extension: str = "png", width: int | None = None) -> tuple[int, ...]:
    """Return the colour in the middle of a rendering."""
    found = Image.open(BytesIO(render(data, Rendering(extension=extension, width=width)))).convert("RGBA")
    return found.getpixel((found.width // 2, found.height // 2))


def close(one: tuple[int, ...], other: tuple[int, ...], tolerance: int = 5) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=False))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("extension", sorted(TARGETS))
def test_a_profile_is_heeded(kind: str, extension: str) -> None:
    data = saved(Image.new("RGB", (32, 32), (220, 40, 40)), kind, icc_profile=SWAPPED, quality=95)
    red, green, _, _ = shown(data, extension, 16)
    assert (green > 200, red < 80) == (True, True)


def test_a_wide_gamut_becomes_srgb() -> None:
    data = saved(Image.new("RGB", (32, 32), (128, 160, 128)), icc_profile=WIDE)
    assert close(shown(data), (112, 160, 127), tolerance=4)


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_a_profile_leaves_alpha_alone(mode: str) -> None:
    image = Image.new("RGBA", (32, 32), (220, 40, 40, 128))
    data = saved(image if mode == "RGBA" else image.quantize(2), icc_profile=SWAPPED)
    red, green, _, alpha = shown(data)
    assert green > red
    assert abs(alpha - 128) <= 2


@pytest.mark.parametrize("mode", ["RGB", "L", "LA", "RGBA", "CMYK"])
@pytest.mark.parametrize("broken", [b"no profile", SWAPPED[:200], SWAPPED], ids=["text", "cut", "other channels"])
def test_a_profile_that_cannot_be_used_is_overlooked(mode: str, broken: bytes) -> None:
    image = Image.new("RGB", (32, 32), "gray").convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    found = shown(saved(image, kind, icc_profile=broken))
    assert close(found[:3], (128, 128, 128), tolerance=9)


def test_srgb_stays_as_it_is() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert close(
        shown(saved(Image.new("RGB", (32, 32), (200, 100, 50)), icc_profile=srgb)), (200, 100, 50), tolerance=1
    )


@pytest.mark.parametrize(
    ("gamma", "chunks", "expected"),
    [
        (45455, (), 128),
        (100_000, (), 188),
        (100_000, (b"sRGB",), 128),
        (0, (), 128),
    ],
    ids=["usual", "linear", "linear but sRGB", "none"],
)
def test_a_gamma_alone_is_heeded(gamma: int, chunks: tuple[bytes, ...], expected: int) -> None:
    before = [pictures.png_chunk(name, b"\0") for name in chunks]
    before.append(pictures.png_chunk(b"gAMA", struct.pack(">I", gamma)))
    data = pictures.raw_png(8, 8, raw=(b"\0" + b"\x80" * 24) * 8, before=before)
    assert close(shown(data)[:3], (expected,) * 3, tolerance=2)


def _telling(kind: str) -> bytes:
    """Return a picture that says far too much."""
    exif = Image.Exif()
    exif[0x010F] = "Canary Cameras"
    exif.get_ifd(0x8825)[1] = "N"
    image = pictures.picture(64, 48)
    options: dict[str, object] = {"exif": exif, "icc_profile": SWAPPED, "xmp": b"<x:xmpmeta>canary</x:xmpmeta>"}
    if kind == "JPEG":
        options["comment"] = b"canary comment"
    if kind == "PNG":
        told = PngImagePlugin.PngInfo()
        told.add_text("parameters", "canary prompt")
        options["pnginfo"] = told
    return saved(image, kind, **options)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("extension", sorted(TARGETS))
@pytest.mark.parametrize("width", [None, 32])
def test_nothing_but_pixels_leaves(kind: str, extension: str, width: int | None) -> None:
    data = _telling(kind)
    assert b"anary" in data
    content = render(data, Rendering(extension=extension, width=width))
    found = Image.open(BytesIO(content))
    found.load()

    assert b"anary" not in content
    assert not found.getexif()
    assert not found.info.keys() & {"exif", "icc_profile", "comment", "xmp", "XML:com.adobe.xmp", "parameters", "dpi"}


def _png_parts(content: bytes) -> set[bytes]:
    parts, at = set(), 8
    while at < len(content):
        size, name = struct.unpack(">I4s", content[at : at + 8])
        parts.add(name)
        at += 12 + size
    return parts


def _webp_parts(content: bytes) -> set[bytes]:
    parts, at = set(), 12
    while at < len(content):
        name, size = struct.unpack("<4sI", content[at : at + 8])
        parts.add(name)
        at += 8 + size + size % 2
    return parts


def _jpeg_parts(content: bytes) -> set[bytes]:
    parts, at = set(), 2
    while content[at + 1] != 0xDA:
        parts.add(content[at + 1 : at + 2])
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return parts


@pytest.mark.parametrize("width", [None, 32])
def test_a_file_has_no_part_that_could_say_anything(width: int | None) -> None:
    made = {extension: render(_telling("JPEG"), Rendering(extension=extension, width=width)) for extension in TARGETS}

    assert _png_parts(made["png"]) == {b"IHDR", b"IDAT", b"IEND"}
    assert _webp_parts(made["webp"]) == {b"VP8 "}
    assert _jpeg_parts(made["jpg"]) <= {b"\xe0", b"\xdb", b"\xc0", b"\xc2", b"\xc4"}
    assert not any(word in made["avif"] for word in (b"Exif", b"mime", b"prof", b"xmp"))

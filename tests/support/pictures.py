"""Pictures for tests: good ones in every accepted format, and odd ones that are valid all the same.

The hostile ones are in `hostile_pictures`.  Everything is deterministic: the same call returns the same bytes.
"""

import random
import struct
import zlib
from collections.abc import Sequence
from io import BytesIO

from PIL import Image

Colour = str | tuple[int, ...]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def picture(width: int, height: int, *, colour: Colour | None = None, seed: int = 0) -> Image.Image:
    """Return an RGB picture: even in *colour*, or a soft pattern that *seed* varies."""
    if colour is not None:
        return Image.new("RGB", (width, height), colour)
    cells = Image.frombytes("RGB", (5, 4), random.Random(seed).randbytes(60))
    return cells.resize((width, height), Image.Resampling.BILINEAR)


def png(width: int = 64, height: int = 48, *, colour: Colour | None = None, seed: int = 0, mode: str = "RGB") -> bytes:
    return _saved(picture(width, height, colour=colour, seed=seed).convert(mode), "PNG")


def jpeg(
    width: int = 64,
    height: int = 48,
    *,
    colour: Colour | None = None,
    seed: int = 0,
    mode: str = "RGB",
    orientation: int | None = None,
    progressive: bool = False,
) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    image = picture(width, height, colour=colour, seed=seed).convert(mode)
    return _saved(image, "JPEG", quality=85, progressive=progressive, exif=exif)


def webp(
    width: int = 64, height: int = 48, *, colour: Colour | None = None, seed: int = 0, lossless: bool = False
) -> bytes:
    return _saved(picture(width, height, colour=colour, seed=seed), "WEBP", lossless=lossless, method=0)


def gif(width: int = 64, height: int = 48, *, colour: Colour | None = None, seed: int = 0) -> bytes:
    return _saved(picture(width, height, colour=colour, seed=seed), "GIF")


def avif(width: int = 64, height: int = 48, *, colour: Colour | None = None, seed: int = 0) -> bytes:
    return _saved(picture(width, height, colour=colour, seed=seed), "AVIF", speed=10)


def animated(kind: str, *, frames: int = 3, width: int = 64, height: int = 48) -> bytes:
    """Return an animation; *kind* is `GIF`, `WEBP`, `PNG` or `AVIF`."""
    first, *others = (picture(width, height, seed=seed) for seed in range(frames))
    options = {"speed": 10} if kind == "AVIF" else {}
    return _saved(first, kind, save_all=True, append_images=others, duration=40, **options)


def with_alpha(kind: str, *, width: int = 64, height: int = 48) -> bytes:
    """Return a still picture that fades from opaque to transparent."""
    image = picture(width, height, seed=1)
    image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return _saved(image, kind)


def noise_png(size: int, *, seed: int = 0) -> bytes:
    """Return a PNG of *size* bytes, give or take two per cent, that does not compress; quick to make."""
    width = max(1, int((size / 3) ** 0.5))
    row = 3 * width
    noise = random.Random(seed).randbytes(row * width)
    raw = b"".join(b"\0" + noise[start : start + row] for start in range(0, len(noise), row))
    return raw_png(width, width, raw=raw, level=0)


def png_chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int, *, depth: int = 8, colour_type: int = 2, interlace: int = 0) -> bytes:
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlace))


def raw_png(
    width: int,
    height: int,
    *,
    depth: int = 8,
    colour_type: int = 2,
    raw: bytes | None = None,
    before: Sequence[bytes] = (),
    after: Sequence[bytes] = (),
    level: int = 6,
) -> bytes:
    """Return a PNG from its parts: *raw* scan lines, and whole chunks *before* and *after* the image data."""
    if raw is None:
        row = (width * depth * _CHANNELS[colour_type] + 7) // 8
        raw = b"".join(b"\0" + bytes([(17 * y) % 256]) * row for y in range(height))
    return b"".join(
        (
            _SIGNATURE,
            png_header(width, height, depth=depth, colour_type=colour_type),
            *before,
            png_chunk(b"IDAT", zlib.compress(raw, level)),
            *after,
            png_chunk(b"IEND"),
        )
    )


def interlaced_png() -> bytes:
    """Return an Adam7 PNG of 8 x 8 grey pixels."""
    passes = ((1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4))
    raw = b"".join((b"\0" + b"\x80" * width) * height for width, height in passes)
    header = png_header(8, 8, colour_type=0, interlace=1)
    return _SIGNATURE + header + png_chunk(b"IDAT", zlib.compress(raw)) + png_chunk(b"IEND")


def odd_but_valid() -> dict[str, bytes]:
    """Return pictures that are unusual and right, by what is unusual about them; all must be accepted."""
    palette = png_chunk(b"PLTE", bytes(range(48)))
    grey = {f"{depth}-bit grey png": raw_png(9, 5, depth=depth, colour_type=0) for depth in (1, 2, 4, 16)}
    return grey | {
        "16-bit rgb png": raw_png(9, 5, depth=16, colour_type=2),
        "16-bit rgba png": raw_png(9, 5, depth=16, colour_type=6),
        "grey and alpha png": raw_png(9, 5, colour_type=4),
        "16-bit grey and alpha png": raw_png(9, 5, depth=16, colour_type=4),
        "4-bit palette png": raw_png(9, 5, depth=4, colour_type=3, raw=(b"\0" + bytes(5)) * 5, before=[palette]),
        "palette with transparency png": raw_png(
            4,
            4,
            colour_type=3,
            raw=(b"\0" + bytes(range(4))) * 4,
            before=[palette, png_chunk(b"tRNS", b"\0\x80\xff")],
        ),
        "16-bit grey with transparency png": raw_png(
            4, 4, depth=16, colour_type=0, before=[png_chunk(b"tRNS", b"\0\0")]
        ),
        "gamma only png": raw_png(9, 5, before=[png_chunk(b"gAMA", struct.pack(">I", 45455))]),
        "text png": raw_png(9, 5, before=[png_chunk(b"tEXt", b"parameters\0a cat")]),
        "unreadable exif png": raw_png(9, 5, before=[png_chunk(b"eXIf", b"no exif at all")]),
        "interlaced png": interlaced_png(),
        "one-pixel png": raw_png(1, 1),
        "grey jpeg": jpeg(mode="L"),
        "cmyk jpeg": jpeg(mode="CMYK"),
        "adobe ycck jpeg": ycck_jpeg(),
        "progressive jpeg": jpeg(progressive=True),
        "jpeg with restart markers": _saved(picture(64, 48), "JPEG", restart_marker_blocks=1),
        "jpeg with fill bytes": _filled_jpeg(),
        "jpeg with an exif thumbnail": _jpeg_with_thumbnail(),
        "lossless webp": webp(lossless=True),
        "webp with alpha": with_alpha("WEBP"),
        "avif with alpha": with_alpha("AVIF"),
        "transparent gif": with_alpha("GIF"),
    }


def ycck_jpeg() -> bytes:
    """Return a four-layer JPEG whose Adobe marker says that its first three are luminance and colour difference."""
    data = jpeg(mode="CMYK")
    at = data.index(b"Adobe") + len(b"Adobe") + 6
    return data[:at] + b"\x02" + data[at + 1 :]


def _filled_jpeg() -> bytes:
    data = jpeg()
    return data[:2] + b"\xff\xff" + data[2:-2] + b"\xff\xff" + data[-2:]


def _jpeg_with_thumbnail() -> bytes:
    body = b"Exif\0\0" + jpeg(8, 6)
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg()[2:]


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()

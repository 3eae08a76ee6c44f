"""A phone's picture as a PNG of the same pixels: decoded by libheif, in a worker only.

What turns or crops the picture is a property of it, and libheif sees to that.  An EXIF orientation beside it says the
same once more, and goes with all other metadata.
"""

import importlib.util
import zlib
from collections.abc import Mapping
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from types import ModuleType
from typing import Any

from PIL import Image

from app.adapters.imaging import heif, png_writing
from app.adapters.imaging.cleaning.container import is_icc
from app.adapters.imaging.outline import Limits, Outline
from app.adapters.imaging.png import pack_chunk
from app.adapters.imaging.png_writing import Pixels
from app.adapters.imaging.profiles import find_profile
from app.adapters.imaging.refusals import Reason, refused
from app.domain.errors import SourceRejected

_LIBRARY = "pillow_heif"
_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4, "I;16": 1, "RGB;16": 3, "RGBA;16": 4}
_PREMULTIPLIED = "RGBa"
_BASE = 40 << 20  # bytes: the library itself, and a little
_DECODED = 6  # bytes per pixel: the planes, and the colours made of them
_PROFILE_NAME = b"ICC Profile\0\0"
_MAX_PROFILE = 1 << 20
_KINDS = {1: b"GRAY", 3: b"RGB ", 4: b"RGB "}  # of colours in a profile (ICC.1:2022, 7.2.6)
_DEEP = ";16"
_SRGB = [1, 13]
_UNSPECIFIED = 2  # of the code points of ITU-T H.273


def is_available() -> bool:
    """Tell whether what decodes HEIF is installed; it is an extra."""
    return importlib.util.find_spec(_LIBRARY) is not None


def to_png(data: bytes, limits: Limits) -> bytes:
    """Return the primary picture of a HEIF: upright, all bits of its samples, its colours, and nothing else.

    Raise `SourceRejected` unless it is whole and within *limits*.  `MemoryError` passes.
    """
    library = _library()
    whole = heif.still(data)
    outline = heif.walk(whole, limits)
    picture = _open(library, whole, limits, outline)
    pixels = _pixels(picture)
    return png_writing.encode(pixels, colours=_colours(picture.info, pixels.channels), at_most=limits.max_converted)


def _library() -> ModuleType:
    """Return libheif's binding; raise `SourceRejected` where it is not installed."""
    try:
        # Not above: 20 ms and 27 MB of libraries, which few workers need.
        import pillow_heif  # noqa: PLC0415
    except ImportError as exc:
        raise heif.not_accepted() from exc
    options = pillow_heif.options
    options.DECODE_THREADS = 1
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    return pillow_heif


def _open(library: ModuleType, data: bytes, limits: Limits, outline: Outline) -> Any:
    """Return the primary picture, decoded; raise `MemoryError` where it may be that which is missing."""
    try:
        opened = library.open_heif(data, convert_hdr_to_8bit=False)
        # Where libheif can make nothing of that one, others may be left.
        picture = next(found for found in opened if found.info["primary"])
        announced = picture.size
        limits.check_size(*announced)
        picture.load()
    except (MemoryError, SourceRejected):
        raise
    except Exception as exc:
        if not _is_room(_BASE + _DECODED * outline.width * outline.height):
            raise MemoryError from exc
        raise refused(Reason.CORRUPT) from exc
    if picture.size != announced:
        raise refused(Reason.CORRUPT, "The image is not the one its container announces.")
    return picture


def _is_room(size: int) -> bool:
    """Tell whether there are *size* bytes to be had.

    Of its own failures libheif does not say which are for want of them, and says so of some that are not.
    """
    try:
        mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS).close()
    except OSError:
        return False
    return True


def _pixels(picture: Any) -> Pixels:
    width, height = picture.size
    data, stride = picture.data, picture.stride
    if (mode := picture.mode) == _PREMULTIPLIED:
        plain = Image.frombuffer(mode, (width, height), data, "raw", mode, stride, 1)
        mode = "RGBA"
        data, stride = memoryview(plain.convert(mode).tobytes()), 4 * width
    if mode not in _CHANNELS:
        raise refused(Reason.UNSUPPORTED_FORMAT, "HEIF with deep premultiplied colours is not accepted.")
    bits = picture.info["bit_depth"] if mode.endswith(_DEEP) else 8
    return Pixels(width=width, height=height, channels=_CHANNELS[mode], bits=bits, stride=stride, data=data)


def _colours(info: Mapping[str, Any], channels: int) -> list[bytes]:
    """Return the chunks that say what the samples mean; none where that is sRGB or nobody knows."""
    profile = info.get("icc_profile", b"")
    if is_icc(profile) and len(profile) <= _MAX_PROFILE and profile[16:20] == _KINDS[channels]:
        return [_profile_chunk(profile)]
    video = info.get("nclx_profile", {})
    points = [int(video.get(name, _UNSPECIFIED)) for name in ("color_primaries", "transfer_characteristics")]
    if _UNSPECIFIED in points or points == _SRGB:
        return []
    # Of the code points only these two: the samples are RGB by now, in full range (PNG 3rd edition, 11.3.2.6).
    told = [pack_chunk(b"cICP", bytes([*points, 0, 1]))]
    # Many readers know profiles only; whoever knows both goes by the numbers.
    made = find_profile(*points) if _KINDS[channels] == _KINDS[3] else None
    return [*told, _profile_chunk(made)] if made else told


def _profile_chunk(profile: bytes) -> bytes:
    return pack_chunk(b"iCCP", _PROFILE_NAME + zlib.compress(profile))

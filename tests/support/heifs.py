"""Pictures as phones write them, made by pillow-heif, and what it sees in them."""

import struct
from io import BytesIO
from typing import Any

import pillow_heif
from PIL import Image, ImageCms

from tests.support.metadata import SECRET
from tests.support.pictures import picture

_WORDS = SECRET.decode()
_ORIENTATION, _MAKE, _GPS = 0x0112, 0x010F, 0x8825


def heic(shown: Image.Image | None = None, *, quality: int = 90, **options: Any) -> bytes:
    """Return a HEIC of *shown*; *options* are pillow-heif's."""
    buffer, source = BytesIO(), pillow_heif.from_pillow(picture(64, 64) if shown is None else shown)
    source.save(buffer, quality=quality, enc_params={"preset": "ultrafast"}, **options)
    return buffer.getvalue()


def telling(shown: Image.Image | None = None, *, orientation: int = 1, **options: Any) -> bytes:
    """Return a HEIC with EXIF (a maker, a place, which way up), XMP and a thumbnail.

    pillow-heif turns the orientation into a property of the picture, as phones do, and leaves it in the EXIF.
    """
    exif = Image.Exif()
    exif[_MAKE] = _WORDS
    exif[_ORIENTATION] = orientation
    exif.get_ifd(_GPS)[1] = "N"
    xmp = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{_WORDS}</x:xmpmeta>".encode()
    return heic(shown, exif=exif.tobytes(), xmp=xmp, thumbnails=[32], **options)


def deep(width: int = 64, height: int = 64, *, mode: str = "RGB;16") -> bytes:
    """Return a HEIC of ten bits a sample."""
    channels = 4 if "A" in mode else 3
    samples = bytes(at * 7 % 256 for at in range(width * height * channels * 2))
    buffer = BytesIO()
    pillow_heif.encode(mode, (width, height), samples, buffer, quality=90)
    return buffer.getvalue()


def seen(data: bytes) -> pillow_heif.HeifImage:
    """Return the primary picture of *data* as pillow-heif decodes it: upright, all its bits."""
    opened = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
    return opened[opened.primary_index]


def claiming(data: bytes, width: int, height: int, *, in_truth: tuple[int, int] = (64, 64)) -> bytes:
    """Return *data* announcing another size, wherever it says its own."""
    assert struct.pack(">II", *in_truth) in data
    return data.replace(struct.pack(">II", *in_truth), struct.pack(">II", width, height))


def sequence(data: bytes, *, brand: bytes = b"hevc", track: bytes = b"") -> bytes:
    """Return the still *data* as that of a sequence which calls itself *brand*; its *track* need not be a right one."""
    size = int.from_bytes(data[:4])
    kinds = b"".join((brand, data[12:16], b"msf1", brand)).ljust(size - 8, b"\0")
    media = struct.pack(">I4s", 16 + len(track), b"moov") + struct.pack(">I4s", 8 + len(track), b"trak") + track
    return data[:8] + kinds + data[size:] + media


def wide_profile() -> bytes:
    """Return a colour profile with the primaries of Display P3 (D50-adapted), as phones embed."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red, green, blue = (0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)
    for tag, colour in ((b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue)):
        entry = profile.index(tag, 128)
        (at,) = struct.unpack_from(">I", profile, entry + 4)
        value = struct.pack(">iii", *(round(part * 65536) for part in colour))
        profile = profile[: at + 8] + value + profile[at + 20 :]
    return profile

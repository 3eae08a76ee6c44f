"""Pictures that say too much, and what is left of them: read by Pillow, and by a walker of chunks of our own."""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin

from tests.support.pictures import picture, png_chunk

SECRET = b"SECRET-NAME-OF-A-CAMERA"
_WORDS = SECRET.decode()
_XMP = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{_WORDS}</x:xmpmeta>".encode()
_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
_GPS, _MAKE, _ORIENTATION, _COMMENT = 0x8825, 0x010F, 0x0112, 0x9286


@dataclass(frozen=True)
class Frame:
    """What is seen of one frame, and what shows it so."""

    size: tuple[int, int]
    pixels: bytes
    orientation: int
    duration: Any
    loop: Any
    profile: bytes
    exif: dict[int, Any]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and self._seen() == other._seen()

    def __hash__(self) -> int:
        return hash(self._seen())

    def _seen(self) -> tuple[Any, ...]:
        return self.size, self.pixels, self.orientation, self.duration, self.loop, self.profile


def shown(data: bytes) -> list[Frame]:
    """Return every frame of *data*, decoded."""
    with Image.open(BytesIO(data)) as opened:
        return [_frame(opened, number) for number in range(getattr(opened, "n_frames", 1))]


def _frame(opened: Image.Image, number: int) -> Frame:
    opened.seek(number)
    opened.load()
    info = opened.info
    try:
        exif = dict(opened.getexif())
    except Exception:  # noqa: BLE001 - Pillow's reader throws whatever unreadable EXIF make it throw
        exif = {}
    return Frame(
        opened.size,
        opened.convert("RGBA").tobytes(),
        exif.get(_ORIENTATION, 1),
        info.get("duration"),
        info.get("loop"),
        info.get("icc_profile", b""),
        exif,
    )


def described(kind: str, *, orientation: int | None = None) -> bytes:
    """Return a picture with EXIF (a maker, a place), XMP and comments, wherever *kind* has room for them."""
    buffer, exif = BytesIO(), Image.Exif()
    exif[_MAKE] = _WORDS
    exif.get_ifd(_GPS)[1] = "N"
    exif.get_ifd(0x8769)[_COMMENT] = SECRET
    if orientation is not None:
        exif[_ORIENTATION] = orientation
    if kind == "GIF":
        picture(64, 48).save(buffer, kind, comment=SECRET)
        return buffer.getvalue()
    options: dict[str, Any] = {"exif": exif, "icc_profile": _PROFILE}
    options |= _words(kind)
    picture(64, 48).save(buffer, kind, **options)
    return _with_strange_chunks(buffer.getvalue(), kind)


def _words(kind: str) -> dict[str, Any]:
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", _WORDS)
        text.add_text("parameters", _WORDS, zip=True)
        text.add_itxt("XML:com.adobe.xmp", _XMP.decode())
        return {"pnginfo": text}
    return {"xmp": _XMP, "quality": 60} | ({"comment": SECRET} if kind == "JPEG" else {})


def _with_strange_chunks(data: bytes, kind: str) -> bytes:
    if kind == "PNG":
        return data[:33] + png_chunk(b"tIME", bytes(7)) + png_chunk(b"seCr", SECRET) + data[33:]
    if kind == "JPEG":
        strange = b"".join(_segment(marker, SECRET) for marker in (0xED, 0xE5, 0xEC, 0xE2, 0xEE, 0xE0))
        return data[:20] + strange + data[20:]
    if kind == "WEBP":
        body = data[8:] + b"SCRT" + struct.pack("<I", len(SECRET) + 1) + SECRET + b"\0"
        return b"RIFF" + struct.pack("<I", len(body)) + body
    return data + struct.pack(">I", 8 + len(SECRET)) + b"uuid" + SECRET


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def chunk_names(data: bytes) -> list[str]:
    """Return the chunks of a PNG, their checksums verified."""
    found, at = [], 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size) == (zlib.crc32(kind + body),)
        found.append(kind.decode())
        at += 12 + size
    return found

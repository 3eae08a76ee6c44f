"""Pictures that must be refused, each small to make and costly, or misleading, to take at its word."""

import struct
import zlib
from io import BytesIO

from tests.support import pictures
from tests.support.pictures import png_chunk, png_header

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BOMB = 1 << 27

HTML = b"<html><script>alert(1)</script></html>"
ZIP = b"PK\x03\x04" + bytes(26)


def bomb_png(width: int = 16_000, height: int = 16_000) -> bytes:
    """Return a PNG whose header promises that many pixels; its data holds none."""
    return pictures.raw_png(width, height, raw=b"")


def even_png(width: int, height: int) -> bytes:
    """Return a complete one-bit PNG of that size: a few kilobytes for millions of pixels."""
    row = b"\0" + bytes((width + 7) // 8)
    deflate = zlib.compressobj(9)
    data = b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()
    header = png_header(width, height, depth=1, colour_type=0)
    return _SIGNATURE + header + png_chunk(b"IDAT", data) + png_chunk(b"IEND")


def text_bomb_png(kind: bytes = b"zTXt") -> bytes:
    """Return a PNG with 128 MiB of zeros in one compressed text or profile."""
    lead = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\x01\0\0\0", b"iCCP": b"k\0\0"}[kind]
    return pictures.raw_png(4, 4, before=[png_chunk(kind, lead + _deflated_zeros(_BOMB))])


def text_flood_png(count: int = 2_000) -> bytes:
    """Return a PNG with *count* chunks of compressed text, a mebibyte each."""
    text = png_chunk(b"zTXt", b"k\0\0" + _deflated_zeros(1 << 20))
    return pictures.raw_png(4, 4, before=[text] * count)


def excess_png() -> bytes:
    """Return a PNG of 16 pixels with 128 MiB of zeros in its image data."""
    data = png_chunk(b"IDAT", _deflated_zeros(_BOMB))
    return _SIGNATURE + png_header(4, 4, colour_type=6) + data + png_chunk(b"IEND")


def endless_apng(frames: int = 2**31 - 1) -> bytes:
    """Return a PNG that declares that many frames and has one picture."""
    return pictures.raw_png(4, 4, before=[png_chunk(b"acTL", struct.pack(">II", frames, 0))])


def gif_of_frames(count: int = 200_000, *, width: int = 1, height: int = 1) -> bytes:
    """Return a GIF with *count* frames of one pixel, on a canvas of that size."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return b"GIF89a" + screen + frame * count + b"\x3b"


def gif_outside(left: int = 65_000, top: int = 65_000) -> bytes:
    """Return a GIF of one pixel whose frame lies far outside its canvas, which Pillow would enlarge."""
    return gif_of_frames(1).replace(b"\x2c\0\0\0\0", b"\x2c" + struct.pack("<HH", left, top))


def bomb_webp() -> bytes:
    """Return 34 bytes that promise a WebP of 16383 x 16383."""
    body = b"\x2f" + struct.pack("<I", 16_382 | 16_382 << 14) + bytes(9)
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def bomb_jpeg(width: int = 65_000, height: int = 65_000) -> bytes:
    """Return a JPEG whose frame header promises that many pixels."""
    data = pictures.jpeg(16, 16)
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def bomb_avif(width: int = 60_000, height: int = 60_000) -> bytes:
    """Return an AVIF that announces that many pixels."""
    data = pictures.avif(64, 48)
    return data.replace(struct.pack(">II", 64, 48), struct.pack(">II", width, height))


def scan_bomb_jpeg(scans: int = 1_000) -> bytes:
    """Return a progressive JPEG whose last scan is repeated: each makes the decoder pass over it all again."""
    data = pictures.jpeg(64, 48, progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def mpo() -> bytes:
    """Return two JPEGs in a row, indexed as one multi-picture file."""
    buffer = BytesIO()
    others = [pictures.picture(64, 48, seed=1)]
    pictures.picture(64, 48).save(buffer, "MPO", save_all=True, append_images=others)
    return buffer.getvalue()


def zero_sized() -> dict[str, bytes]:
    """Return a picture without width or height for every format, by name."""
    gif = pictures.gif()
    avif = pictures.avif(64, 48)
    webp = pictures.webp(64, 48)
    return {
        "png width": pictures.raw_png(0, 4, raw=b"\0"),
        "png height": pictures.raw_png(4, 0, raw=b""),
        "jpeg width": bomb_jpeg(0, 4),
        "jpeg height": bomb_jpeg(4, 0),
        "gif canvas": gif[:6] + bytes(4) + gif[10:],
        "gif frame": gif_of_frames(1).replace(b"\x01\0\x01\0\0\x02", b"\0\0\x01\0\0\x02"),
        "webp": webp.replace(struct.pack("<HH", 64, 48), bytes(4)),
        "avif": avif.replace(struct.pack(">II", 64, 48), bytes(8)),
    }


def strangers() -> dict[str, bytes]:
    """Return the beginnings of files of other kinds, by what they are."""
    return {
        "nothing": b"",
        "text": b"hello",
        "html": HTML,
        "zip": ZIP,
        "svg": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
        "tiff": b"II*\0" + bytes(64),
        "big-endian tiff": b"MM\0*" + bytes(64),
        "psd": b"8BPS\0\x01" + bytes(64),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
        "ico": b"\0\0\1\0\1\0" + bytes(64),
        "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
        "bmp": b"BM" + bytes(64),
        "pdf": b"%PDF-1.7\n",
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64),
        "mp4": b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2" + bytes(64),
        "webm": b"\x1a\x45\xdf\xa3" + bytes(64),
        "avi": b"RIFF\x40\0\0\0AVI LIST" + bytes(64),
    }


def _deflated_zeros(size: int) -> bytes:
    deflate = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join(deflate.compress(block) for _ in range(size >> 20)) + deflate.flush()

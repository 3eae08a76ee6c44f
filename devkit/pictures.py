"""Small real PNG files without an imaging library, distinct for every seed."""

import hashlib
import random
import struct
import zlib

_MAGIC = b"\x89PNG\r\n\x1a\n"


def picture(seed: str, *, width: int = 256, height: int = 256) -> bytes:
    """Return a PNG: a diagonal gradient between two colours that *seed* decides."""
    digest = hashlib.sha256(seed.encode()).digest()
    ramp = _ramp(digest[:3], digest[3:6], width + height)
    # Each row is the same ramp, one pixel further: a diagonal, for the price of a slice.
    rows = b"".join(b"\0" + ramp[3 * y : 3 * (y + width)] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return _MAGIC + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _ramp(first: bytes, last: bytes, steps: int) -> bytes:
    return bytes(
        (start * (steps - step) + stop * step) // steps
        for step in range(steps)
        for start, stop in zip(first, last, strict=True)
    )


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def noise(seed: int, *, size: int) -> bytes:
    """Return a PNG of about *size* bytes that does not compress, as photographs hardly do."""
    side = max(1, int((size / 3) ** 0.5))
    pixels = random.Random(seed).randbytes(3 * side * side)
    rows = b"".join(b"\0" + pixels[3 * side * y : 3 * side * (y + 1)] for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return _MAGIC + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 1)) + _chunk(b"IEND", b"")

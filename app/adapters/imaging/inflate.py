"""PNG, inflated by ISA-L before Pillow reads it.

Pillow inflates row by row: 10 ms of the 18 that a thumbnail of a PNG of 2 MB takes; ISA-L, at once, does it in 5.  What
comes out is a PNG whose pixel data are merely stored: filters, depths and palettes stay Pillow's business.
For renderings only: whether a picture is sound has been decided by a decoder like those of its readers.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import cast

from isal import isal_zlib

from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.png import SIGNATURE, chunks, parse_header, read_chunk
from app.domain.errors import SourceRejected

_MOST_RAW = 20 << 20  # held twice for a moment; 2048 x 2048 pixels with alpha are less
_MOST_STORED = 0xFFFF  # in one block of deflate (RFC 1951, section 3.2.4)
_LENGTH = struct.Struct(">I")
_BLOCK = struct.Struct("<BHH")
_ZLIB = b"\x78\x01"  # RFC 1950, section 2.2
_IDAT = b"IDAT"
_BROKEN = cast(type[Exception], isal_zlib.error)  # its stub takes the class for an instance


def inflated(data: bytes) -> bytes:
    """Return the same PNG with its pixel data stored; *data* as it is if that cannot be, or if it is no PNG."""
    if not data.startswith(SIGNATURE):
        return data
    with suppress(SourceRejected, _BROKEN):
        return _inflated(data) or data
    return data  # Pillow knows what is wrong with it


def _inflated(data: bytes) -> bytes | None:
    """Return the PNG with its pixel data stored; None if it is interlaced, animated, large, or not as it announces."""
    cursor = Cursor(data, start=len(SIGNATURE))
    header = parse_header(read_chunk(cursor))
    if header.is_interlaced or header.raw_size > _MOST_RAW:
        return None
    found = list(chunks(cursor))
    pixels = [chunk.body for chunk in found if chunk.kind == _IDAT]
    if not pixels or any(chunk.kind == b"acTL" for chunk in found):
        return None
    raw = _raw(data, pixels, size=header.raw_size)
    return None if raw is None else _with_pixels(data, pixels, raw)


def _raw(data: bytes, pixels: Sequence[Cursor], *, size: int) -> bytes | None:
    """Return the scan lines if they are of the *size* they must be; no bomb inflates to more than a byte beyond it."""
    view = memoryview(data)
    deflated = b"".join(view[body.position : body.stop] for body in pixels)
    inflating = isal_zlib.decompressobj()
    raw = inflating.decompress(deflated, size + 1)
    return raw if inflating.eof and len(raw) == size else None


def _with_pixels(data: bytes, pixels: Sequence[Cursor], raw: bytes) -> bytes:
    """Return the PNG *data* with one chunk for *raw* in the place of *pixels*."""
    view, body = memoryview(data), b"".join(_stored(raw))
    start, stop = pixels[0].position - len(_IDAT) - _LENGTH.size, pixels[-1].stop + _LENGTH.size
    checksum = isal_zlib.crc32(body, isal_zlib.crc32(_IDAT))
    return b"".join((view[:start], _LENGTH.pack(len(body)), _IDAT, body, _LENGTH.pack(checksum), view[stop:]))


def _stored(raw: bytes) -> Iterator[bytes | memoryview]:
    """Yield a zlib stream that holds *raw* as it is, in pieces."""
    view = memoryview(raw)
    yield _ZLIB
    for start in range(0, len(raw), _MOST_STORED):
        piece = view[start : start + _MOST_STORED]
        is_last = start + len(piece) == len(raw)
        yield _BLOCK.pack(is_last, len(piece), len(piece) ^ 0xFFFF)
        yield piece
    yield _LENGTH.pack(isal_zlib.adler32(raw))

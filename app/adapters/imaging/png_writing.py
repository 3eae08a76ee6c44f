"""Pixels as a PNG that loses none of them, 16 bits a sample included, which Pillow cannot write.

Every row is the difference to the one above (filter "up"), taken for a whole row at once: the bytes of a long integer.
Of a photograph of 12 million pixels this and zlib's level 3 make 12.4 MB in 0.7 s; Pillow's own filters make 12.2 to
14.5 MB in 0.8 to 4.6 s.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.adapters.imaging.png import SIGNATURE, pack_chunk
from app.adapters.imaging.refusals import Reason, refused

_COLOURS = {1: 0, 3: 2, 4: 6}  # the type of colour by the number of channels (11.2.1)
_UP = b"\2"
_LEVEL, _STRATEGY = 3, zlib.Z_FILTERED
_BYTE, _WORD = 8, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """Grey, RGB or RGBA, row by row.

    Samples of more than eight *bits* lie in the upper part of 16, little-endian.  They stay there: zeros below them say
    that there is no more, as does sBIT, and to repeat their upper bits would only make the file larger.
    """

    width: int
    height: int
    channels: int
    bits: int
    stride: int
    data: memoryview

    @property
    def depth(self) -> int:
        """Bits per sample in a PNG."""
        return _BYTE if self.bits <= _BYTE else _WORD

    @property
    def row(self) -> int:
        """Bytes of a row that are pixels."""
        return self.width * self.channels * self.depth // _BYTE

    def rows(self) -> Iterator[memoryview]:
        for start in range(0, self.height * self.stride, self.stride):
            yield self.data[start : start + self.row]


def encode(pixels: Pixels, *, colours: Sequence[bytes], at_most: int) -> bytes:
    """Return *pixels* as a PNG, with the chunks that say what their *colours* are.

    Raise `SourceRejected` once it is longer than *at_most* bytes.
    """
    header = struct.pack(">IIBBBBB", pixels.width, pixels.height, pixels.depth, _COLOURS[pixels.channels], 0, 0, 0)
    pieces = [SIGNATURE, pack_chunk(b"IHDR", header), *colours]
    if _BYTE < pixels.bits < _WORD:
        pieces.append(pack_chunk(b"sBIT", bytes([pixels.bits] * pixels.channels)))
    size = 0
    for piece in _deflated(pixels):
        size += len(piece)
        if size > at_most:
            raise refused(
                Reason.TOO_MANY_PIXELS, f"As PNG the image would take more than {at_most} bytes: send it as a JPEG."
            )
        pieces.append(pack_chunk(b"IDAT", piece))
    return b"".join((*pieces, pack_chunk(b"IEND", b"")))


def _deflated(pixels: Pixels) -> Iterator[bytes]:
    deflate = zlib.compressobj(_LEVEL, strategy=_STRATEGY)
    for row in _filtered(pixels):
        if piece := deflate.compress(row):
            yield piece
    yield deflate.flush()


def _filtered(pixels: Pixels) -> Iterator[bytes]:
    """Yield the rows, each byte less the one above it (9.2), behind the number of the filter."""
    size = pixels.row
    high, low = _repeated(b"\x80", size), _repeated(b"\x7f", size)
    lower = _repeated(b"\xff\0", size)
    above = 0
    for data in pixels.rows():
        row = int.from_bytes(data, "little")
        if pixels.depth == _WORD:  # the higher byte of each sample comes first (7.1)
            row = (row & lower) << _BYTE | row >> _BYTE & lower
        # Without the highest bit of each byte nothing is borrowed from the next one; then that bit, by itself.
        difference = (row | high) - (above & low) ^ ((row ^ above) & high ^ high)
        yield _UP + difference.to_bytes(size, "little")
        above = row


def _repeated(pattern: bytes, size: int) -> int:
    return int.from_bytes(pattern * (size // len(pattern)), "little")

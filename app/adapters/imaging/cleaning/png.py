"""PNG and APNG: a chunk is kept if pixels, their colours or their motion would be others without it."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from app.adapters.imaging.cleaning.container import tiff
from app.adapters.imaging.cleaning.pieces import Piece, Span
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.png import MAX_CHUNKS, SIGNATURE, read_chunk
from app.adapters.imaging.refusals import Reason, refused

_KEPT = frozenset(
    {
        *(b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"),
        *(b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs"),
        *(b"acTL", b"fcTL", b"fdAT"),
    }
)
# High dynamic range (PNG 3rd edition, 11.3.2): without them such a picture shows other colours.
_SIZES = {b"cICP": 4, b"cLLI": 8, b"mDCV": 24}
_WORDS = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})
_MAX_PROFILE = 1 << 20
_LONGEST_NAME = 79


@dataclass(frozen=True, slots=True)
class _Part:
    kind: bytes
    span: Span
    body: Span


class Png:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parts = _parse(data)

    @property
    def end(self) -> int:
        return self._parts[-1].span.stop

    @property
    def may_be_turned(self) -> bool:
        return any(part.kind in _WORDS for part in self._parts)

    def pieces(self, orientation: int) -> Iterator[Piece]:
        header, *others = self._parts
        yield Span(0, header.span.stop)
        if orientation != 1:
            yield _chunk(b"eXIf", tiff(orientation))
        for part in others:
            if self._is_kept(part):
                yield part.span

    def _is_kept(self, part: _Part) -> bool:
        if part.kind == b"iCCP":
            return _is_profile(self._data[part.body.start : part.body.stop])
        return part.kind in _KEPT or _SIZES.get(part.kind) == part.body.size


def _parse(data: bytes) -> list[_Part]:
    cursor = Cursor(data, start=len(SIGNATURE))
    parts: list[_Part] = []
    for _ in range(MAX_CHUNKS):
        start = cursor.position
        chunk = read_chunk(cursor)
        body = Span(chunk.body.position, chunk.body.stop)
        parts.append(_Part(chunk.kind, Span(start, cursor.position), body))
        if chunk.kind == b"IEND":
            return parts
    raise refused(Reason.TOO_COMPLEX)


def _is_profile(body: bytes) -> bool:
    """Tell whether an iCCP chunk holds a profile and nothing else (11.3.2.3): a name, a zero, and one zlib stream."""
    name, _, packed = body.partition(b"\0")
    if not 0 < len(name) <= _LONGEST_NAME or packed[:1] != b"\0" or len(packed) > _MAX_PROFILE:
        return False
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(packed[1:], _MAX_PROFILE + 1)
    except zlib.error:
        return False
    return inflate.eof and not inflate.unused_data and len(profile) <= _MAX_PROFILE


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

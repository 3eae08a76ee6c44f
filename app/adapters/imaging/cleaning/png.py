"""PNG and APNG: a chunk is kept if pixels, their colours or their motion would be others without it."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from app.adapters.imaging.cleaning.container import is_icc, tiff
from app.adapters.imaging.cleaning.pieces import Piece, Span
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.png import MAX_CHUNKS, SIGNATURE, pack_chunk, read_chunk
from app.adapters.imaging.refusals import Reason, refused

_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})
# Of one size each: a longer one has room for anything.  The last three are high dynamic range (11.3.2): without them
# such a picture shows other colours.
_SIZES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"cICP": 4, b"cLLI": 8, b"mDCV": 24}
# By the type of colour (11.3.2.7 and 11.3.1.1); with an alpha channel there is no tRNS.
_SIGNIFICANT_BITS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_TRANSPARENT = {0: 2, 2: 6}
_PALETTE = 3
_DEPTH_AT, _COLOUR_AT = 24, 25
_WORDS = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})
_MAX_PROFILE = 1 << 20
_LONGEST_NAME = 79
_PROFILE_NAME = b"ICC Profile\0"


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
            yield pack_chunk(b"eXIf", tiff(orientation))
        for part in others:
            yield from self._kept(part)

    def _kept(self, part: _Part) -> Iterator[Piece]:
        if part.kind == b"iCCP":
            yield from self._profile(part.body)
        elif part.kind == b"PLTE":
            if self._data[_COLOUR_AT] == _PALETTE:
                yield self._named(part, 3)
        elif self._is_kept(part):
            yield self._named(part, 1) if part.kind == b"tRNS" else part.span

    def _is_kept(self, part: _Part) -> bool:
        colour = self._data[_COLOUR_AT]
        if part.kind == b"tRNS":
            return self._is_transparency(part.body.size, colour)
        if part.kind == b"sBIT":
            return _SIGNIFICANT_BITS.get(colour) == part.body.size
        return part.kind in _KEPT or _SIZES.get(part.kind) == part.body.size

    def _is_transparency(self, size: int, colour: int) -> bool:
        """Tell whether a tRNS says anything; raise for one of a wrong size, which every reader takes differently."""
        if colour == _PALETTE:
            is_right = size <= max((part.body.size // 3 for part in self._parts if part.kind == b"PLTE"), default=0)
        else:
            is_right = size == _TRANSPARENT.get(colour, size)
        if not is_right:
            raise refused(Reason.CORRUPT, "The PNG says wrongly what of it is transparent.")
        return colour == _PALETTE or colour in _TRANSPARENT

    def _named(self, part: _Part, size: int) -> Piece:
        """Return what says *size* bytes of each colour of a palette, for no more colours than a pixel can name."""
        most = size << self._data[_DEPTH_AT]
        if self._data[_COLOUR_AT] != _PALETTE or part.body.size <= most:
            return part.span
        return pack_chunk(part.kind, self._data[part.body.start : part.body.start + most])

    def _profile(self, body: Span) -> Iterator[Piece]:
        content = self._data[body.start : body.stop]
        if _is_profile(content):
            yield pack_chunk(b"iCCP", _PROFILE_NAME + content.partition(b"\0")[2])


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
    """Tell whether an iCCP chunk holds a profile and nothing else (11.3.2.3): a name, a zero, one zlib stream."""
    name, _, packed = body.partition(b"\0")
    if not 0 < len(name) <= _LONGEST_NAME or packed[:1] != b"\0" or len(packed) > _MAX_PROFILE:
        return False
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(packed[1:], _MAX_PROFILE + 1)
    except zlib.error:
        return False
    return inflate.eof and not inflate.unused_data and len(profile) <= _MAX_PROFILE and is_icc(profile)

"""WebP: the chunks of RFC 9649 that make the picture; what is EXIF, XMP or unknown goes, also from within frames."""

import struct
from collections.abc import Iterator

from app.adapters.imaging.cleaning.container import is_icc, tiff
from app.adapters.imaging.cleaning.pieces import Piece, Span, size_of
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.refusals import Reason, refused
from app.adapters.imaging.webp import parse_chunks

_KEPT = frozenset({b"VP8X", b"ICCP", b"ALPH", b"ANIM", b"ANMF", b"VP8 ", b"VP8L"})
_FRAME = frozenset({b"ALPH", b"VP8 ", b"VP8L"})
_WORDS = frozenset({b"EXIF", b"XMP "})
_PROFILE = b"ICCP"
_ICC, _EXIF, _XMP = 0x20, 0x08, 0x04
_HEAD = 8
_FRAME_HEADER = 16

Chunk = tuple[bytes, Cursor]


class WebP:
    def __init__(self, data: bytes) -> None:
        cursor = Cursor(data, start=4)
        size = cursor.little(4)
        if size > cursor.left:
            raise refused(Reason.TRUNCATED)
        self.end = cursor.position + size
        inside = cursor.within(size)
        inside.skip(4)  # "WEBP"
        self._chunks = [chunk for chunk in parse_chunks(inside) if _is_what_it_says(chunk)]

    @property
    def may_be_turned(self) -> bool:
        return any(kind in _WORDS for kind, _ in self._chunks)

    def pieces(self, orientation: int) -> Iterator[Piece]:
        gone = _EXIF | _XMP | (0 if any(kind == _PROFILE for kind, _ in self._chunks) else _ICC)
        new = _EXIF if orientation != 1 else 0
        body = [piece for chunk in self._chunks for piece in _kept(chunk, gone, new)]
        if orientation != 1:
            body.append(_head(b"EXIF", len(tiff(orientation))) + tiff(orientation))
        yield _head(b"RIFF", 4 + size_of(body)) + b"WEBP"
        yield from body


def _is_what_it_says(chunk: Chunk) -> bool:
    """Tell a colour profile from what only goes by that name."""
    kind, body = chunk
    return kind != _PROFILE or is_icc(body.data[body.position : body.stop])


def _kept(chunk: Chunk, gone: int, new: int) -> Iterator[Piece]:
    kind, body = chunk
    if kind == b"VP8X":
        yield _canvas(body, gone, new)
    elif kind == b"ANMF":
        yield from _frame(body)
    elif kind in _KEPT:
        yield from _whole(body)


def _canvas(body: Cursor, gone: int, new: int) -> bytes:
    """Return the canvas with other flags for what there is beside the picture."""
    content = bytearray(body.data[body.position : body.stop])
    if content:
        content[0] = content[0] & ~gone | new
    return _head(b"VP8X", len(content)) + content + bytes(len(content) % 2)


def _frame(body: Cursor) -> Iterator[Piece]:
    inside = Cursor(body.data, start=body.position, stop=body.stop, short=Reason.CORRUPT)
    start = inside.skip(_FRAME_HEADER)
    kept = [piece for kind, inner in parse_chunks(inside) if kind in _FRAME for piece in _whole(inner)]
    yield _head(b"ANMF", _FRAME_HEADER + size_of(kept))
    yield Span(start, start + _FRAME_HEADER)
    yield from kept


def _whole(body: Cursor) -> Iterator[Piece]:
    yield Span(body.position - _HEAD, body.stop)
    if body.left % 2:
        yield b"\0"


def _head(kind: bytes, size: int) -> bytes:
    return kind + struct.pack("<I", size)

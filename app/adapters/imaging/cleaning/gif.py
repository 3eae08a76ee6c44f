"""GIF: images, what controls how they are shown, and how often they repeat; comments and all other words go."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from app.adapters.imaging.cleaning.pieces import Piece, Span
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.gif import (
    EXTENSION,
    IMAGE,
    MAX_BLOCKS,
    MAX_SUB_BLOCKS,
    SIGNATURES,
    TRAILER,
    skip_sub_blocks,
    skip_table,
)
from app.adapters.imaging.refusals import Reason, refused

_CONTROL, _APPLICATION = 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_CONTROL_SIZE = 4
_LOOP = 1


@dataclass(frozen=True, slots=True)
class _Part:
    label: int | None
    """Of an extension."""
    span: Span


class Gif:
    may_be_turned = False

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parts = _parse(data)

    @property
    def end(self) -> int:
        return self._parts[-1].span.stop

    def pieces(self, orientation: int) -> Iterator[Piece]:  # noqa: ARG002 (a GIF cannot say it, so none is asked)
        for part in self._parts:
            kept = self._kept(part)
            if kept is not None:
                yield kept

    def _kept(self, part: _Part) -> Piece | None:
        if part.label is None:
            return part.span
        body = self._data[part.span.start + 2 : part.span.stop]
        if part.label == _CONTROL:
            return _control(body)
        return _loop(body) if part.label == _APPLICATION else None


def _parse(data: bytes) -> list[_Part]:
    cursor = Cursor(data, start=len(SIGNATURES[0]))
    cursor.skip(4)  # the canvas
    flags = cursor.big(1)
    cursor.skip(2)
    skip_table(cursor, flags)
    parts = [_Part(None, Span(0, cursor.position))]
    budget = MAX_SUB_BLOCKS
    for _ in range(MAX_BLOCKS):
        start = cursor.position
        block = cursor.big(1)
        if block == TRAILER:
            return [*parts, _Part(None, Span(start, cursor.position))]
        label = _enter(block, cursor)
        budget -= skip_sub_blocks(cursor, at_most=budget)
        parts.append(_Part(label, Span(start, cursor.position)))
    raise refused(Reason.TOO_COMPLEX)


def _enter(block: int, cursor: Cursor) -> int | None:
    """Move to the sub-blocks of *block*; return its label if it is an extension."""
    if block == EXTENSION:
        return cursor.big(1)
    if block != IMAGE:
        raise refused(Reason.CORRUPT, "The GIF has an unknown block.")
    cursor.skip(8)  # where the frame lies
    skip_table(cursor, cursor.big(1))
    cursor.skip(1)  # the LZW code size
    return None


def _control(body: bytes) -> bytes | None:
    """Return a graphic control extension of its four bytes (GIF89a, 23)."""
    if body[0] != _CONTROL_SIZE:
        return None
    return bytes((EXTENSION, _CONTROL)) + body[: 1 + _CONTROL_SIZE] + b"\0"


def _loop(body: bytes) -> bytes | None:
    """Return how often an animation repeats, if that is what the application says."""
    name, rest = body[1 : 1 + body[0]], body[1 + body[0] :]
    if name not in _LOOPS or rest[:2] != bytes((3, _LOOP)):
        return None
    return bytes((EXTENSION, _APPLICATION, len(name))) + name + struct.pack("BB", 3, _LOOP) + rest[2:4] + b"\0"

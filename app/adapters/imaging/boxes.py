"""Boxes of the ISO base media file format (ISO 14496-12, 4.2): what AVIF and HEIC are made of.

Of the item properties only `ispe` is read, whichever item it belongs to: the largest must be within the limits, so that
no association between items and properties needs to be trusted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.outline import Limits
from app.adapters.imaging.refusals import Reason, refused

_TOP_LEVEL = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid", b"wide", b"styp", b"sidx"})
_NEEDED = frozenset({b"meta", b"mdat"})
_VIDEO = frozenset({b"moov", b"mdat"})
_SINGLE = frozenset({b"ftyp", b"meta", b"moov"})
_LARGE = 1  # in place of a size: 64 bits of it follow the kind
_MAX_BOXES = 1_000


@dataclass(frozen=True, slots=True)
class Box:
    """A box by its four letters; *start* is where its length stands."""

    kind: bytes
    body: Cursor
    start: int


def brands(data: bytes) -> set[bytes]:
    """Return what a file says it is, in the first box: its major brand and the compatible ones; none if it is other."""
    if data[4:8] != b"ftyp":
        return set()
    size = int.from_bytes(data[:4], "big")
    return {data[at : at + 4] for at in (8, *range(16, min(size, 256), 4))}


def top_level(data: bytes) -> dict[bytes, Cursor]:
    """Return the boxes of the file by kind; they must tile it exactly, pixel data included."""
    boxes: dict[bytes, Cursor] = {}
    end = 0
    for box in parse_file(data):
        if box.kind in boxes and box.kind in _SINGLE:
            raise refused(Reason.CORRUPT, "The image has a box twice.")
        boxes[box.kind] = box.body
        end = box.body.stop
    if end < len(data):
        raise refused(Reason.TRAILING_BYTES)
    return boxes


def parse_file(data: bytes) -> Iterator[Box]:
    """Yield the boxes of a file as far as they are a picture's; raise `SourceRejected` unless there is a whole one."""
    cursor = Cursor(data)
    seen: set[bytes] = set()
    for _ in range(_MAX_BOXES):
        if not cursor.left or (seen >= _NEEDED and not _is_box_ahead(cursor)):
            break
        box = read_box(cursor)
        seen.add(box.kind)
        yield box
    else:
        raise refused(Reason.TOO_COMPLEX)
    if not seen >= _NEEDED:
        if seen >= _VIDEO:
            raise refused(Reason.UNSUPPORTED_FORMAT, "A video without a still picture is not accepted.")
        raise refused(Reason.TRUNCATED)


def _is_box_ahead(cursor: Cursor) -> bool:
    return cursor.data[cursor.position + 4 : cursor.position + 8] in _TOP_LEVEL


def read_box(cursor: Cursor) -> Box:
    """Return the next box; raise `SourceRejected`."""
    start = cursor.position
    size = cursor.big(4)
    kind = cursor.take(4)
    if size == _LARGE:
        size = cursor.big(8)
    header = cursor.position - start
    # Size 0 means "to the end of the file": then nothing could tell a whole file from a cut or a longer one.
    if size < header:
        raise refused(Reason.CORRUPT, "A box has an impossible length.")
    return Box(kind, cursor.within(size - header), start)


def parse_boxes(cursor: Cursor) -> Iterator[Box]:
    """Yield the boxes that tile the rest of *cursor*, which stays where it is."""
    inside = Cursor(cursor.data, start=cursor.position, stop=cursor.stop, short=Reason.CORRUPT)
    for _ in range(_MAX_BOXES):
        if not inside.left:
            return
        yield read_box(inside)
    raise refused(Reason.TOO_COMPLEX)


def descend(cursor: Cursor, *kinds: bytes) -> Iterator[Cursor]:
    """Yield the bodies at the end of a path of boxes; every box of a kind is followed."""
    if not kinds:
        yield cursor
        return
    for box in parse_boxes(cursor):
        if box.kind == kinds[0]:
            yield from descend(box.body, *kinds[1:])


def largest_size(meta: Cursor, limits: Limits) -> tuple[int, int]:
    """Return the largest size that the boxes in a `meta` box name; raise unless all are within *limits*."""
    sizes = []
    for ispe in descend(meta, b"iprp", b"ipco", b"ispe"):
        ispe.skip(4)
        width, height = ispe.big(4), ispe.big(4)
        limits.check_size(width, height)
        sizes.append((width, height))
    if not sizes:
        raise refused(Reason.CORRUPT, "The image does not say its size.")
    return max(sizes, key=lambda size: size[0] * size[1])

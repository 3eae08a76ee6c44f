"""AVIF: what are no pixels is overwritten in its place, for the picture is found by its distance from the file's start.

An item that is EXIF or XMP becomes one of a kind that no reader knows, and its bytes zeros, but only where they are
certainly no other item's: else the file is refused.  Which way up is a property of the picture, and stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from app.adapters.imaging.boxes import Box, parse_boxes, parse_file
from app.adapters.imaging.cleaning.items import Extent, parse_infos, parse_locations
from app.adapters.imaging.cleaning.pieces import Piece, Span, Zeros
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.refusals import Reason, refused

# ISO 14496-12: what may hold anything.
_WORDS = frozenset({b"free", b"skip", b"wide", b"uuid", b"udta", b"xml ", b"bxml"})
_METADATA = frozenset({b"Exif", b"mime", b"uri "})
_NOTHING = b"free"


@dataclass(frozen=True, slots=True, order=True)
class _Patch:
    """What is written over the bytes from *start* on; as long as what was there."""

    start: int
    piece: bytes | Zeros

    @property
    def stop(self) -> int:
        return self.start + (self.piece.size if isinstance(self.piece, Zeros) else len(self.piece))


class Avif:
    may_be_turned = False

    def __init__(self, data: bytes) -> None:
        boxes = list(parse_file(data))
        self.end = boxes[-1].body.stop
        self._data = data
        self._stores = [_span(box.body) for box in boxes if box.kind == b"mdat"]
        self._patches = sorted(self._patched(boxes), key=lambda patch: patch.start)

    def pieces(self, orientation: int) -> Iterator[Piece]:  # noqa: ARG002 (a property of the picture says it)
        position = 0
        for patch in self._patches:
            if patch.start < position:
                raise refused(Reason.CORRUPT, "Parts of the AVIF overlap.")
            yield Span(position, patch.start)
            yield patch.piece
            position = patch.stop
        yield Span(position, self.end)

    def _patched(self, boxes: list[Box]) -> Iterator[_Patch]:
        for box in boxes:
            if box.kind in _WORDS:
                yield _Patch(box.start + 4, _NOTHING)
                yield _Patch(box.body.position, Zeros(box.body.left))
            elif box.kind == b"meta":
                yield from self._described(box)
            elif box.kind in {b"moov", b"trak"}:
                yield from self._patched(list(parse_boxes(box.body)))

    def _described(self, meta: Box) -> Iterator[_Patch]:
        inside = Cursor(self._data, start=meta.body.position, stop=meta.body.stop, short=Reason.CORRUPT)
        inside.skip(4)  # version and flags
        boxes = list(parse_boxes(inside))
        yield from self._patched([box for box in boxes if box.kind != b"meta"])
        kinds = {info.item: info for box in boxes if box.kind == b"iinf" for info in parse_infos(box.body)}
        words = {item for item, info in kinds.items() if info.kind in _METADATA}
        for item in words:
            yield _Patch(kinds[item].position, _NOTHING)
        yield from self._emptied(boxes, words)

    def _emptied(self, boxes: list[Box], words: set[int]) -> Iterator[_Patch]:
        own = next((_span(box.body) for box in boxes if box.kind == b"idat"), None)
        extents = [extent for box in boxes if box.kind == b"iloc" for extent in parse_locations(box.body, own)]
        others = [extent.span for extent in extents if extent.item not in words]
        stores = self._stores if own is None else [*self._stores, own]
        for extent in extents:
            if extent.item in words and extent.span.size:
                _require_own(extent, stores, others)
                yield _Patch(extent.span.start, Zeros(extent.span.size))


def _require_own(extent: Extent, stores: list[Span], others: list[Span]) -> None:
    """Raise unless these bytes lie among the data, and are nobody else's."""
    span = extent.span
    is_stored = any(store.start <= span.start and span.stop <= store.stop for store in stores)
    if not is_stored or any(span.start < other.stop and other.start < span.stop for other in others):
        raise refused(Reason.CORRUPT, "The metadata of the AVIF cannot be told from its picture.")


def _span(body: Cursor) -> Span:
    return Span(body.position, body.stop)

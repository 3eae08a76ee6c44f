"""The items of a `meta` box: what each is, and where its bytes lie (ISO 14496-12, 8.11.3 and 8.11.6)."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.adapters.imaging.boxes import parse_boxes
from app.adapters.imaging.cleaning.pieces import Span
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.refusals import Reason, refused

_IN_FILE, _IN_META = 0, 1
_MAX_EXTENTS = 10_000
_TYPED = 2  # the first version of an item's info that says what it is


@dataclass(frozen=True, slots=True)
class Info:
    """An item; *position* is where its kind stands."""

    item: int
    kind: bytes
    position: int


@dataclass(frozen=True, slots=True)
class Extent:
    item: int
    span: Span


def parse_infos(iinf: Cursor) -> Iterator[Info]:
    """Yield the items of an `iinf` box; one of a version that says no kind is refused."""
    version = _version(iinf)
    iinf.skip(4 if version else 2)  # how many there are
    for box in parse_boxes(iinf):
        if box.kind != b"infe":
            continue
        version = _version(box.body)
        if version < _TYPED:
            raise refused(Reason.CORRUPT, "The image does not say what it consists of.")
        item = box.body.big(2 if version == _TYPED else 4)
        box.body.skip(2)  # protection
        position = box.body.position
        yield Info(item, box.body.take(4), position)


def parse_locations(iloc: Cursor, idat: Span | None) -> Iterator[Extent]:
    """Yield where the bytes of each item lie in the file; *idat* is the store within the box itself."""
    version = _version(iloc)
    sizes = iloc.big(2)
    offset, length, base, index = (sizes >> shift & 0xF for shift in (12, 8, 4, 0))
    for _ in range(iloc.big(2 if version < 2 else 4)):  # noqa: PLR2004 (versions of the box)
        item = iloc.big(2 if version < 2 else 4)  # noqa: PLR2004 (versions of the box)
        method = iloc.big(2) & 0xF if version else _IN_FILE
        iloc.skip(2)  # which file: this one
        start = iloc.big(base) + _origin(method, idat)
        for _ in range(_bounded(iloc.big(2))):
            iloc.skip(index if version else 0)
            at = start + iloc.big(offset)
            yield Extent(item, Span(at, at + iloc.big(length)))


def _origin(method: int, idat: Span | None) -> int:
    if method == _IN_FILE:
        return 0
    if method == _IN_META and idat is not None:
        return idat.start
    raise refused(Reason.UNSUPPORTED_FORMAT, "This kind of image is not accepted.")


def _bounded(count: int) -> int:
    if count > _MAX_EXTENTS:
        raise refused(Reason.TOO_COMPLEX)
    return count


def _version(body: Cursor) -> int:
    version = body.big(1)
    body.skip(3)  # flags
    return version

"""HEIF structure, as phones write it: boxes, announced sizes, and the codec of its pictures (ISO 23008-12).

A burst, a live photo or a sequence counts as the picture that it names as its primary one.
"""

from collections.abc import Sequence

from app.adapters.imaging.boxes import Box, brands, descend, largest_size, parse_file, top_level
from app.adapters.imaging.cleaning.items import parse_infos
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.outline import Limits, Outline
from app.adapters.imaging.refusals import Reason, refused
from app.domain.errors import SourceRejected

CONTENT_TYPE = "image/heic"

_STILL = b"heic"
_SEQUENCES = frozenset({b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"})
_BRANDS = _SEQUENCES | {_STILL, b"heix", b"heim", b"heis", b"mif1"}
# What a picture may be: HEVC itself, or made of such pieces.
_PRIMARY = frozenset({b"hvc1", b"grid", b"iden", b"iovl"})
# Whatever else libheif may have been built with: no phone needs it, and it is less well tried.
_FOREIGN = frozenset({b"av01", b"avc1", b"evc1", b"j2k1", b"jpeg", b"lhv1", b"mski", b"unci", b"vvc1"})
_WIDE_ID = 1  # the version of `pitm` from which on an item's number has four bytes


def is_heif(data: bytes) -> bool:
    """Tell a HEIF by the brands of its first box.  An AVIF is one too: ask for that first."""
    return not _BRANDS.isdisjoint(brands(data))


def not_accepted() -> SourceRejected:
    """Return the refusal for where none can be taken."""
    detail = "HEIC is not accepted, only PNG, JPEG, WebP, GIF and AVIF: ask the phone for a JPEG."
    return refused(Reason.UNSUPPORTED_FORMAT, detail)


def still(data: bytes) -> bytes:
    """Return *data* without what follows the picture, and as no sequence; raise `SourceRejected` unless it is whole."""
    boxes = list(parse_file(data))
    found = data[: boxes[-1].body.stop]
    return _stilled(found, boxes) if _SEQUENCES & brands(data) else found


def _stilled(data: bytes, boxes: Sequence[Box]) -> bytes:
    """Return a sequence as its still picture: of equal length, for that is found by its distance from the start."""
    found = bytearray(data)
    for box in boxes:
        if box.kind == b"moov":  # libheif would look there first
            found[box.start + 4 : box.start + 8] = b"free"
    for at in range(8, min(boxes[0].body.stop, 256), 4):  # as far as `brands` looks
        if data[at : at + 4] in _SEQUENCES:
            found[at : at + 4] = _STILL
    return bytes(found)


def walk(data: bytes, limits: Limits) -> Outline:
    """Return the outline of a HEIF that is complete to its last byte, or raise `SourceRejected`.

    Its size is the largest that any of its pictures announces.
    """
    meta = top_level(data)[b"meta"]
    meta.skip(4)  # version and flags
    width, height = largest_size(meta, limits)
    _require_hevc(meta)
    return Outline(format="HEIF", width=width, height=height)


def _require_hevc(meta: Cursor) -> None:
    kinds = {info.item: info.kind for iinf in descend(meta, b"iinf") for info in parse_infos(iinf)}
    primary = [_item(pitm) for pitm in descend(meta, b"pitm")]
    if len(primary) != 1 or kinds.get(primary[0]) not in _PRIMARY or not _FOREIGN.isdisjoint(kinds.values()):
        raise refused(Reason.UNSUPPORTED_FORMAT, "This kind of HEIF is not accepted: only pictures by HEVC are.")


def _item(pitm: Cursor) -> int:
    version = pitm.big(1)
    pitm.skip(3)  # flags
    return pitm.big(4 if version >= _WIDE_ID else 2)

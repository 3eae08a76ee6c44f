"""JPEG structure: every marker segment and scan, no coefficient (ITU T.81, annex B).

Nothing may follow the end marker.  Encoders in use do not pad there; a second picture (MPO, gain maps) or a
vendor's trailer is a foreign one, which the cleaning of an upload cuts off before this walk sees it.
"""

import re
from dataclasses import dataclass

from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.outline import Limits, Outline
from app.adapters.imaging.refusals import Reason, refused

SIGNATURE = b"\xff\xd8\xff"

_PREFIX = 0xFF
_LENGTH_SIZE = 2  # a segment's length counts its own two bytes, B.1.1.4
END, SCAN, _NUMBER_OF_LINES = 0xD9, 0xDA, 0xDC
# DHT, JPG and DAC lie among the frame headers.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Baseline, extended and progressive Huffman: what browsers show.  Arithmetic and lossless coding they do not.
_SHOWABLE = frozenset({0xC0, 0xC1, 0xC2})
_TABLES = frozenset({0xC4, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE})
_LAYERS = frozenset({1, 3, 4})
_DEPTH = 8

# Within a scan 0xFF is data when a zero or a restart marker follows, and fill when another 0xFF does.
NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

# 50 MB of profiles in full segments are 800.  A scan can make the decoder pass over the whole picture again;
# an encoder's progressive script has about ten.
MAX_SEGMENTS = 4_000
_MAX_SCANS = 100


@dataclass(frozen=True, slots=True)
class _Frame:
    width: int
    height: int


def walk(data: bytes, limits: Limits) -> Outline:
    """Return the outline of a JPEG that is complete to its last byte, or raise `SourceRejected`."""
    cursor = Cursor(data, start=2)
    frame: _Frame | None = None
    scans = 0
    for _ in range(MAX_SEGMENTS):
        marker = next_marker(cursor)
        if marker == END:
            return _finish(cursor, frame, scans)
        if marker in _FRAMES:
            frame = _parse_frame(marker, segment(cursor), limits, earlier=frame)
        elif marker == SCAN:
            scans += 1
            _skip_scan(cursor, frame, scans)
        elif marker in _TABLES or (marker == _NUMBER_OF_LINES and scans):
            segment(cursor)
        else:
            raise refused(Reason.CORRUPT, "The JPEG has a marker out of place.")
    raise refused(Reason.TOO_COMPLEX)


def _finish(cursor: Cursor, frame: _Frame | None, scans: int) -> Outline:
    if frame is None or not scans:
        raise refused(Reason.CORRUPT, "The JPEG has no image data.")
    if cursor.left:
        raise refused(Reason.TRAILING_BYTES)
    return Outline(format="JPEG", width=frame.width, height=frame.height)


def next_marker(cursor: Cursor) -> int:
    """Return the code of the marker that must be next."""
    if cursor.big(1) != _PREFIX:
        raise refused(Reason.CORRUPT, "The JPEG has bytes between its segments.")
    marker = cursor.big(1)
    while marker == _PREFIX:  # fill bytes may precede any marker, B.1.1.2
        marker = cursor.big(1)
    return marker


def segment(cursor: Cursor) -> Cursor:
    """Return the body of a marker segment, and move past it."""
    length = cursor.big(2)
    if length < _LENGTH_SIZE:
        raise refused(Reason.CORRUPT, "A JPEG segment has an impossible length.")
    return cursor.within(length - _LENGTH_SIZE)


def _parse_frame(marker: int, body: Cursor, limits: Limits, *, earlier: _Frame | None) -> _Frame:
    if earlier is not None:
        raise refused(Reason.CORRUPT, "The JPEG has two frame headers.")
    if marker not in _SHOWABLE:
        raise refused(Reason.UNSUPPORTED_FORMAT, "This kind of JPEG is not shown by browsers.")
    depth, height, width, layers = body.big(1), body.big(2), body.big(2), body.big(1)
    if depth != _DEPTH or layers not in _LAYERS:
        raise refused(Reason.UNSUPPORTED_FORMAT, "This kind of JPEG is not shown by browsers.")
    if body.left != 3 * layers:
        raise refused(Reason.CORRUPT, "The JPEG frame header has the wrong length.")
    limits.check_size(width, height)
    return _Frame(width, height)


def _skip_scan(cursor: Cursor, frame: _Frame | None, scans: int) -> None:
    if frame is None:
        raise refused(Reason.CORRUPT, "The JPEG has a scan before its frame header.")
    if scans > _MAX_SCANS:
        raise refused(Reason.TOO_COMPLEX, "The JPEG has more scans than an honest one needs.")
    segment(cursor)
    found = NEXT_MARKER.search(cursor.data, cursor.position)
    if found is None:
        raise refused(Reason.TRUNCATED)
    cursor.position = found.start()

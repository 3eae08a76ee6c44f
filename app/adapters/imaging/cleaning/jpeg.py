"""JPEG: of the application segments only those stay without which the same coefficients give other colours."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from app.adapters.imaging.cleaning.container import is_icc, tiff
from app.adapters.imaging.cleaning.pieces import Piece, Span
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.jpeg import END, MAX_SEGMENTS, NEXT_MARKER, SCAN, next_marker, segment
from app.adapters.imaging.refusals import Reason, refused

_APP0, _APP1, _APP2, _APP14, _APP15, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
# What a JFIF header and an Adobe marker have of their own; behind that there can be a thumbnail, or anything.
_JFIF_SIZE, _ADOBE_SIZE = 12, 12
# Of a part of a colour profile: its number, and how many there are (ICC.1:2022, annex B.4).
_PROFILE = b"ICC_PROFILE\0"
_PROFILE_AT = len(_PROFILE) + 2
_NO_THUMBNAIL = b"\0\0"


@dataclass(frozen=True, slots=True)
class _Part:
    marker: int
    span: Span
    body: bytes = b""


class Jpeg:
    def __init__(self, data: bytes) -> None:
        self._parts = _parse(data)

    @property
    def end(self) -> int:
        return self._parts[-1].span.stop

    @property
    def may_be_turned(self) -> bool:
        return any(part.marker == _APP1 for part in self._parts)

    def pieces(self, orientation: int) -> Iterator[Piece]:
        yield Span(0, 2)
        jfif, others = _split(self._parts)
        # JFIF wants to be first, EXIF too; every reader takes this order.
        yield from jfif
        if orientation != 1:
            yield _segment(_APP1, b"Exif\0\0" + tiff(orientation))
        has_profile = is_icc(_profile(others))
        for part in others:
            kept = _kept(part)
            if kept is not None and (has_profile or part.marker != _APP2):
                yield kept


def _parse(data: bytes) -> list[_Part]:
    cursor = Cursor(data, start=2)
    parts: list[_Part] = []
    for _ in range(MAX_SEGMENTS):
        marker = next_marker(cursor)
        start = cursor.position - 2
        if marker == END:
            return [*parts, _Part(END, Span(start, cursor.position))]
        body = segment(cursor)
        if marker == SCAN:
            _skip_scan(cursor)
        is_spoken = _APP0 <= marker <= _APP15
        parts.append(_Part(marker, Span(start, cursor.position), body.take(body.left) if is_spoken else b""))
    raise refused(Reason.TOO_COMPLEX)


def _skip_scan(cursor: Cursor) -> None:
    found = NEXT_MARKER.search(cursor.data, cursor.position)
    if found is None:
        raise refused(Reason.TRUNCATED)
    cursor.position = found.start()


def _split(parts: list[_Part]) -> tuple[list[Piece], list[_Part]]:
    first, *others = parts
    if first.marker == _APP0 and (kept := _kept(first)) is not None:
        return [kept], others
    return [], parts


def _kept(part: _Part) -> Piece | None:
    if part.marker == _APP0:
        return _jfif(part.body)
    if part.marker == _APP14:
        return _adobe(part.body)
    if part.marker == _APP2 and part.body.startswith(_PROFILE):
        return part.span
    return None if _APP0 <= part.marker <= _APP15 or part.marker == _COMMENT else part.span


def _profile(parts: list[_Part]) -> bytes:
    """Return the colour profile, put together in the order its parts say."""
    bodies = [part.body for part in parts if part.marker == _APP2 and part.body.startswith(_PROFILE)]
    ordered = sorted(bodies, key=lambda body: body[len(_PROFILE) : _PROFILE_AT])
    return b"".join(body[_PROFILE_AT:] for body in ordered)


def _jfif(body: bytes) -> bytes | None:
    """Return a JFIF header without its thumbnail (T.871, 10.1)."""
    if not body.startswith(b"JFIF\0") or len(body) < _JFIF_SIZE:
        return None
    return _segment(_APP0, body[:_JFIF_SIZE] + _NO_THUMBNAIL)


def _adobe(body: bytes) -> bytes | None:
    if not body.startswith(b"Adobe") or len(body) < _ADOBE_SIZE:
        return None
    return _segment(_APP14, body[:_ADOBE_SIZE])


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

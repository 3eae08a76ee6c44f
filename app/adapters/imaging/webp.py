"""WebP structure: every RIFF chunk and each frame's own header, no pixel (RFC 9649; VP8: RFC 6386, section 9.1)."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.outline import Limits, Outline
from app.adapters.imaging.refusals import Reason, refused

_RIFF_HEADER = 8
_VP8_START_CODE = b"\x9d\x01\x2a"
_VP8L_SIGNATURE = 0x2F
_SIDE_14_BITS = 0x3FFF
_ANIMATION = 0x02
_BITSTREAMS = (b"VP8 ", b"VP8L")
_MAX_CHUNKS = 4_000

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Canvas:
    size: Size
    is_animated: bool


def walk(data: bytes, limits: Limits) -> Outline:
    """Return the outline of a WebP that is complete to its last byte, or raise `SourceRejected`."""
    chunks = list(parse_chunks(_body(data)))
    if not chunks:
        raise refused(Reason.TRUNCATED)
    canvas = _parse_canvas(*chunks[0])
    width, height = canvas.size
    limits.check_size(width, height)
    frames = _count_animated(chunks, canvas, limits) if canvas.is_animated else _count_still(chunks, canvas)
    limits.check_frames(frames, width=width, height=height)
    return Outline(format="WEBP", width=width, height=height, frames=frames)


def _body(data: bytes) -> Cursor:
    """Return what the RIFF header says there is, which must be the whole file."""
    cursor = Cursor(data, start=4)
    size = cursor.little(4)
    if size > len(data) - _RIFF_HEADER:
        raise refused(Reason.TRUNCATED)
    if size < len(data) - _RIFF_HEADER:
        raise refused(Reason.TRAILING_BYTES)
    cursor.skip(4)  # "WEBP"
    return cursor.within(cursor.left)


def parse_chunks(cursor: Cursor) -> Iterator[tuple[bytes, Cursor]]:
    """Yield the chunks that tile *cursor* exactly."""
    for _ in range(_MAX_CHUNKS):
        if not cursor.left:
            return
        kind = cursor.take(4)
        size = cursor.little(4)
        yield kind, cursor.within(size)
        # Some writers leave out the padding of the last chunk.
        if size % 2 and cursor.left:
            cursor.skip(1)
    raise refused(Reason.TOO_COMPLEX)


def _parse_canvas(kind: bytes, body: Cursor) -> _Canvas:
    if kind == b"VP8X":
        flags = body.little(4)
        return _Canvas((body.little(3) + 1, body.little(3) + 1), is_animated=bool(flags & _ANIMATION))
    if kind in _BITSTREAMS:
        return _Canvas(_parse_bitstream(kind, body), is_animated=False)
    raise refused(Reason.CORRUPT, "The WebP does not begin with a picture.")


def _parse_bitstream(kind: bytes, body: Cursor) -> Size:
    peek = Cursor(body.data, start=body.position, stop=body.stop, short=Reason.CORRUPT)
    size = _parse_vp8(peek) if kind == b"VP8 " else _parse_vp8l(peek)
    if not all(size):
        raise refused(Reason.ZERO_SIZE)
    return size


def _parse_vp8(body: Cursor) -> Size:
    tag = body.little(3)
    is_shown_key_frame = tag & 0x11 == 0x10  # noqa: PLR2004 - bit 0: not a key frame, bit 4: shown
    if not is_shown_key_frame or body.take(3) != _VP8_START_CODE:
        raise refused(Reason.CORRUPT, "The WebP picture does not begin with a key frame.")
    size = body.little(2) & _SIDE_14_BITS, body.little(2) & _SIDE_14_BITS
    if tag >> 5 > body.left:
        raise refused(Reason.CORRUPT, "The first partition of the WebP picture is cut short.")
    return size


def _parse_vp8l(body: Cursor) -> Size:
    signature = body.big(1)
    bits = body.little(4)
    if signature != _VP8L_SIGNATURE or bits >> 29:
        raise refused(Reason.CORRUPT, "The lossless WebP header is not a legal one.")
    return (bits & _SIDE_14_BITS) + 1, (bits >> 14 & _SIDE_14_BITS) + 1


def _check_picture(chunks: list[tuple[bytes, Cursor]], size: Size) -> None:
    """Raise unless there is exactly one bitstream among *chunks*, of that size."""
    sizes = [_parse_bitstream(kind, body) for kind, body in chunks if kind in _BITSTREAMS]
    if sizes != [size]:
        raise refused(Reason.CORRUPT, "A WebP picture is missing or has another size than announced.")


def _count_still(chunks: list[tuple[bytes, Cursor]], canvas: _Canvas) -> int:
    if any(kind == b"ANMF" for kind, _ in chunks):
        raise refused(Reason.CORRUPT, "A still WebP has animation frames.")
    _check_picture(chunks, canvas.size)
    return 1


def _count_animated(chunks: list[tuple[bytes, Cursor]], canvas: _Canvas, limits: Limits) -> int:
    frames = [body for kind, body in chunks if kind == b"ANMF"]
    limits.check_frames(len(frames), width=canvas.size[0], height=canvas.size[1])
    if not frames or any(kind in _BITSTREAMS for kind, _ in chunks):
        raise refused(Reason.CORRUPT, "An animated WebP consists of frames, at least one.")
    for frame in frames:
        _check_frame(frame, canvas.size)
    return len(frames)


def _check_frame(body: Cursor, canvas: Size) -> None:
    left, top = 2 * body.little(3), 2 * body.little(3)
    width, height = body.little(3) + 1, body.little(3) + 1
    body.skip(4)  # duration and flags
    if left + width > canvas[0] or top + height > canvas[1]:
        raise refused(Reason.CORRUPT, "A WebP frame lies outside the canvas.")
    _check_picture(list(parse_chunks(body)), (width, height))

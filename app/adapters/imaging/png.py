"""PNG and APNG structure: every chunk, its checksum and its place, no pixel (PNG 3rd edition, sections 5 and 11)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from isal.isal_zlib import crc32

from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.outline import Limits, Outline
from app.adapters.imaging.refusals import Reason, refused

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PALETTE = 3
_HEADER_SIZE = 13
_PIXEL_DATA = (b"IDAT", b"fdAT")
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")

# Encoders cut 50 MB of pixel data into as many as 12,000 chunks; everything else needs a few dozen.
MAX_CHUNKS = 65_536
_MAX_OTHER_CHUNKS = 1_000
_MAX_LENGTH = 0x7FFF_FFFF
_SLACK = 65_536


@dataclass(frozen=True, slots=True)
class Chunk:
    kind: bytes
    body: Cursor


@dataclass(frozen=True, slots=True)
class Header:
    width: int
    height: int
    depth: int
    colour: int
    is_interlaced: bool

    @property
    def raw_size(self) -> int:
        """The bytes of the scan lines of one frame that is not interlaced, each behind its filter (9.2)."""
        return self.height * (1 + (self.width * self.depth * _CHANNELS[self.colour] + 7) // 8)

    @property
    def most_data(self) -> int:
        """More bytes than deflate needs for one frame, interlaced or not, whatever the encoder."""
        return 2 * self.raw_size + _SLACK


def walk(data: bytes, limits: Limits) -> Outline:
    """Return the outline of a PNG that is complete to its last byte, or raise `SourceRejected`."""
    cursor = Cursor(data, start=len(SIGNATURE))
    header = parse_header(read_chunk(cursor))
    limits.check_size(header.width, header.height)
    tally = _Tally(header, limits)
    for chunk in chunks(cursor):
        tally.add(chunk)
    return Outline(format="PNG", width=header.width, height=header.height, frames=tally.close())


def chunks(cursor: Cursor) -> Iterator[Chunk]:
    """Yield the chunks up to IEND, which must end the file."""
    others = 0
    for _ in range(MAX_CHUNKS):
        chunk = read_chunk(cursor)
        if chunk.kind == b"IEND":
            _check_end(chunk, cursor)
            return
        others += chunk.kind not in _PIXEL_DATA
        if others > _MAX_OTHER_CHUNKS:
            break
        yield chunk
    raise refused(Reason.TOO_COMPLEX)


def read_chunk(cursor: Cursor) -> Chunk:
    """Return the next chunk, its checksum verified; raise `SourceRejected`."""
    length = cursor.big(4)
    if length > _MAX_LENGTH:
        raise refused(Reason.CORRUPT, "A PNG chunk has an impossible length.")
    start = cursor.position
    kind = cursor.take(4)
    body = cursor.within(length)
    with memoryview(cursor.data) as view:
        checksum = crc32(view[start : body.stop])
    if cursor.big(4) != checksum:
        raise refused(Reason.CORRUPT, "The checksum of a PNG chunk is wrong.")
    if not kind.isalpha() or (kind[:1].isupper() and kind not in _CRITICAL):
        raise refused(Reason.CORRUPT, "A PNG chunk is of an unknown critical kind.")
    return Chunk(kind, body)


def pack_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk as it stands in a file (5.3)."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc32(body, crc32(kind)))


def _check_end(chunk: Chunk, cursor: Cursor) -> None:
    if chunk.body.left:
        raise refused(Reason.CORRUPT, "The last PNG chunk is not empty.")
    if cursor.left:
        raise refused(Reason.TRAILING_BYTES)


def parse_header(chunk: Chunk) -> Header:
    body = chunk.body
    if chunk.kind != b"IHDR" or body.left != _HEADER_SIZE:
        raise refused(Reason.CORRUPT, "The PNG does not begin with its header.")
    width, height, depth, colour = body.big(4), body.big(4), body.big(1), body.big(1)
    compression, filtering, interlace = body.take(3)
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise refused(Reason.CORRUPT, "The PNG header is not a legal one.")
    return Header(width, height, depth, colour, is_interlaced=bool(interlace))


class _Tally:
    """What has been seen so far, and whether the next chunk may follow it."""

    def __init__(self, header: Header, limits: Limits) -> None:
        self._header = header
        self._limits = limits
        self._last = b"IHDR"
        self._has_palette = False
        self._has_image = False
        self._declared: int | None = None
        self._frames = 0
        self._is_image_a_frame = False
        self._data = 0

    def add(self, chunk: Chunk) -> None:
        match chunk.kind:
            case b"IHDR":
                raise refused(Reason.CORRUPT, "The PNG has two headers.")
            case b"PLTE":
                self._add_palette()
            case b"IDAT":
                self._add_image(chunk.body)
            case b"fdAT":
                self._data += chunk.body.left
            case b"acTL":
                self._declare(chunk.body)
            case b"fcTL":
                self._add_frame(chunk.body)
            case _:
                pass
        self._last = chunk.kind

    def close(self) -> int:
        """Return how many pictures the file holds, an image that is no frame of the animation included."""
        if not self._has_image:
            raise refused(Reason.CORRUPT, "The PNG has no image data.")
        if self._declared is not None and self._declared != self._frames:
            raise refused(Reason.CORRUPT, "The PNG has other frames than it declares.")
        pictures = 1 if self._declared is None else self._frames + (not self._is_image_a_frame)
        self._check_frames(pictures)
        if self._data > pictures * self._header.most_data:
            raise refused(Reason.EXCESS_DATA)
        return pictures

    def _add_palette(self) -> None:
        if self._has_palette or self._has_image:
            raise refused(Reason.CORRUPT, "A PNG palette is out of place.")
        self._has_palette = True

    def _add_image(self, body: Cursor) -> None:
        if self._has_image and self._last != b"IDAT":
            raise refused(Reason.CORRUPT, "The PNG image data is not in one piece.")
        if self._header.colour == _PALETTE and not self._has_palette:
            raise refused(Reason.CORRUPT, "The PNG lacks its palette.")
        if not self._has_image:
            self._is_image_a_frame = self._frames == 1
        self._has_image = True
        self._data += body.left

    def _declare(self, body: Cursor) -> None:
        if self._has_image or self._declared is not None:
            raise refused(Reason.CORRUPT, "The PNG declares its animation out of place.")
        self._declared = body.big(4)
        self._check_frames(self._declared)

    def _add_frame(self, body: Cursor) -> None:
        body.skip(4)  # the sequence number; the decoder checks it
        width, height, left, top = (body.big(4) for _ in range(4))
        if left + width > self._header.width or top + height > self._header.height:
            raise refused(Reason.CORRUPT, "A PNG frame lies outside the canvas.")
        self._limits.check_size(width, height)
        self._frames += 1
        self._check_frames(self._frames)

    def _check_frames(self, frames: int) -> None:
        self._limits.check_frames(frames, width=self._header.width, height=self._header.height)

"""GIF structure: every block up to the trailer, no pixel (GIF89a specification, sections 17 to 27)."""

from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.outline import Limits, Outline
from app.adapters.imaging.refusals import Reason, refused

SIGNATURES = (b"GIF87a", b"GIF89a")

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
_HAS_TABLE, _TABLE_SIZE = 0x80, 0x07
# A quarter of a gigabyte in full sub-blocks; blocks of one byte each would only cost time.
MAX_SUB_BLOCKS = 1_000_000
MAX_BLOCKS = 10_000


def walk(data: bytes, limits: Limits) -> Outline:
    """Return the outline of a GIF that is complete to its last byte, or raise `SourceRejected`."""
    cursor = Cursor(data, start=len(SIGNATURES[0]))
    width, height = cursor.little(2), cursor.little(2)
    flags = cursor.big(1)
    cursor.skip(2)
    limits.check_size(width, height)
    skip_table(cursor, flags)
    frames = sub_blocks = 0
    for _ in range(MAX_BLOCKS):
        block = cursor.big(1)
        if block == TRAILER:
            return _finish(cursor, width, height, frames)
        if block == IMAGE:
            frames += 1
            limits.check_frames(frames, width=width, height=height)
            _skip_image(cursor, width, height)
        elif block == EXTENSION:
            cursor.skip(1)
        else:
            raise refused(Reason.CORRUPT, "The GIF has an unknown block.")
        sub_blocks += skip_sub_blocks(cursor, at_most=MAX_SUB_BLOCKS - sub_blocks)
    raise refused(Reason.TOO_COMPLEX)


def _finish(cursor: Cursor, width: int, height: int, frames: int) -> Outline:
    if cursor.left:
        raise refused(Reason.TRAILING_BYTES)
    if not frames:
        raise refused(Reason.CORRUPT, "The GIF has no image data.")
    return Outline(format="GIF", width=width, height=height, frames=frames)


def _skip_image(cursor: Cursor, canvas_width: int, canvas_height: int) -> None:
    left, top, width, height = (cursor.little(2) for _ in range(4))
    flags = cursor.big(1)
    skip_table(cursor, flags)
    cursor.skip(1)  # the LZW code size
    if not width or not height:
        raise refused(Reason.ZERO_SIZE)
    # Decoders disagree on such a frame, and Pillow enlarges the canvas for it.
    if left + width > canvas_width or top + height > canvas_height:
        raise refused(Reason.CORRUPT, "A GIF frame lies outside the canvas.")


def skip_table(cursor: Cursor, flags: int) -> None:
    """Move past a colour table, if *flags* say that there is one."""
    if flags & _HAS_TABLE:
        cursor.skip(3 * 2 ** ((flags & _TABLE_SIZE) + 1))


def skip_sub_blocks(cursor: Cursor, *, at_most: int) -> int:
    """Move past a chain of sub-blocks and its end, and return how many there were."""
    data, position, stop = cursor.data, cursor.position, cursor.stop
    for count in range(at_most):
        if position >= stop:
            raise refused(Reason.TRUNCATED)
        size = data[position]
        position += size + 1
        if not size:
            cursor.position = position
            return count
    raise refused(Reason.TOO_COMPLEX)

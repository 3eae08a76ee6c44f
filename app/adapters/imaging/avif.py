"""AVIF structure: every top-level box, the announced sizes and the frame count (ISO 14496-12; AVIF 1.1).

The largest announced size must also be that of what is decoded.
"""

from app.adapters.imaging.boxes import brands, descend, largest_size, top_level
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.outline import Limits, Outline
from app.adapters.imaging.refusals import Reason, refused

_STILL, _SEQUENCE = b"avif", b"avis"


def is_avif(data: bytes) -> bool:
    """Tell an AVIF from its relatives (HEIC, video) by the brands of its first box."""
    return not brands(data).isdisjoint({_STILL, _SEQUENCE})


def walk(data: bytes, limits: Limits) -> Outline:
    """Return the outline of an AVIF that is complete to its last byte, or raise `SourceRejected`."""
    boxes = top_level(data)
    meta = boxes[b"meta"]
    meta.skip(4)  # version and flags
    width, height = largest_size(meta, limits)
    frames = 1
    if data[8:12] == _SEQUENCE:
        if b"moov" not in boxes:
            raise refused(Reason.TRUNCATED)
        frames = _count_frames(boxes[b"moov"])
    limits.check_frames(frames, width=width, height=height)
    return Outline(format="AVIF", width=width, height=height, frames=frames)


def _count_frames(moov: Cursor) -> int:
    """Return the length of the longest track, in samples."""
    counts = []
    for stsz in descend(moov, b"trak", b"mdia", b"minf", b"stbl", b"stsz"):
        stsz.skip(8)  # version, flags and the common sample size
        counts.append(stsz.big(4))
    if not any(counts):
        raise refused(Reason.CORRUPT, "The AVIF sequence has no frames.")
    return max(counts)

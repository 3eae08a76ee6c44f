"""Colours told by numbers (ITU-T H.273), in a PNG's cICP chunk or an AVIF's `nclx`: Pillow reads neither."""

from contextlib import suppress

from PIL import Image

from app.adapters.imaging.boxes import descend, top_level
from app.adapters.imaging.cursor import Cursor
from app.adapters.imaging.png import SIGNATURE, read_chunk
from app.adapters.imaging.profiles import find_profile, is_srgb
from app.domain.errors import SourceRejected

_COLOURED = frozenset({"RGB", "RGBA", "P", "PA"})
_CICP_SIZE = 4

Points = tuple[int, int]
"""The primaries and the curve, by the tables 2 and 3 of H.273."""


def heed(picture: Image.Image, data: bytes) -> None:
    """Put into the info of *picture*, opened from *data*, the profile that numbers in *data* stand for, if they do.

    A PNG's numbers come before its profile (PNG 3rd edition, 11.3.2.6), an AVIF's after it.
    """
    points = _find(picture, data) if picture.mode in _COLOURED else None
    if points is None:
        return
    if is_srgb(*points):
        picture.info.pop("icc_profile", None)
        picture.info["srgb"] = 0  # as Pillow tells it: no gamma counts
    elif profile := find_profile(*points):
        picture.info["icc_profile"] = profile


def _find(picture: Image.Image, data: bytes) -> Points | None:
    with suppress(SourceRejected):  # a decoder knows what is wrong with it
        if picture.format == "PNG":
            return _in_png(data)
        if picture.format == "AVIF" and not picture.info.get("icc_profile"):
            return _in_avif(data)
    return None


def _in_png(data: bytes) -> Points | None:
    # Few have one, and to look for it chunk by chunk would sum up all that is there.
    end = data.find(b"IDAT")
    if data.find(b"cICP", 0, end) < 0:
        return None
    cursor = Cursor(data, start=len(SIGNATURE))
    while cursor.position + 4 < end:
        chunk = read_chunk(cursor)
        if chunk.kind == b"cICP" and chunk.body.left == _CICP_SIZE:
            return chunk.body.big(1), chunk.body.big(1)
    return None


def _in_avif(data: bytes) -> Points | None:
    """Return what the first such property says: encoders write those of the primary picture first."""
    meta = top_level(data)[b"meta"]
    meta.skip(4)  # version and flags
    for colr in descend(meta, b"iprp", b"ipco", b"colr"):
        if colr.take(4) == b"nclx":
            return colr.big(2), colr.big(2)
    return None

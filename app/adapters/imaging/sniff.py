"""Tells formats apart by their first bytes; names and declared types are not asked."""

from collections.abc import Callable, Mapping

from app.adapters.imaging import avif, gif, heif, jpeg, png, webp
from app.adapters.imaging.outline import Limits, Outline
from app.adapters.imaging.refusals import Reason, refused

HEIF = "HEIF"
"""What phones make.  Few browsers show it, so that none is hosted: an upload becomes a PNG."""

_HEAD = 512

# Pictures we know and do not take.  What is missing here is refused too, only in vaguer words.
_OTHERS: Mapping[str, tuple[bytes, ...]] = {
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "BMP": (b"BM",),
    "Photoshop": (b"8BPS",),
    "EPS": (b"%!PS", b"\xc5\xd0\xd3\xc6"),
    "ICO": (b"\0\0\1\0", b"\0\0\2\0"),
    "JPEG 2000": (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "QOI": (b"qoif",),
    "DDS": (b"DDS ",),
    "OpenEXR": (b"\x76\x2f\x31\x01",),
    "FITS": (b"SIMPLE  =",),
}


_WALKERS: Mapping[str, Callable[[bytes, Limits], Outline]] = {
    "PNG": png.walk,
    "JPEG": jpeg.walk,
    "WEBP": webp.walk,
    "GIF": gif.walk,
    "AVIF": avif.walk,
}


def walk(data: bytes, limits: Limits) -> Outline:
    """Return the outline of *data*, whichever hosted format it is, or raise `SourceRejected`."""
    name = format_of(data)
    if name == HEIF:
        raise heif.not_accepted()
    return _WALKERS[name](data, limits)


def format_of(data: bytes) -> str:
    """Return Pillow's word for the format that *data* begin as, or raise `SourceRejected`."""
    if not data:
        raise refused(Reason.EMPTY)
    if data.startswith(png.SIGNATURE):
        return "PNG"
    if data.startswith(jpeg.SIGNATURE):
        return "JPEG"
    if data.startswith(gif.SIGNATURES):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if avif.is_avif(data):
        return "AVIF"
    if heif.is_heif(data):
        return HEIF
    raise _stranger(data[:_HEAD])


def _stranger(head: bytes) -> Exception:
    for name, signatures in _OTHERS.items():
        if head.startswith(signatures):
            return refused(Reason.UNSUPPORTED_FORMAT, f"{name} is not accepted, only PNG, JPEG, WebP, GIF and AVIF.")
    if head[4:8] == b"ftyp" or b"<svg" in head.lower():
        return refused(Reason.UNSUPPORTED_FORMAT)
    return refused(Reason.NOT_AN_IMAGE)

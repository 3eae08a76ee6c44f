"""From the bytes of an upload to the pieces of the file that is kept."""

from collections.abc import Callable, Mapping
from io import BytesIO

from PIL import Image

from app.adapters.imaging import heif, sniff
from app.adapters.imaging.cleaning.avif import Avif
from app.adapters.imaging.cleaning.container import Container
from app.adapters.imaging.cleaning.gif import Gif
from app.adapters.imaging.cleaning.jpeg import Jpeg
from app.adapters.imaging.cleaning.pieces import Piece, merged
from app.adapters.imaging.cleaning.png import Png
from app.adapters.imaging.cleaning.webp import WebP
from app.adapters.imaging.orientation import orientation_of
from app.adapters.imaging.outline import Limits, Outline

_CONTAINERS: Mapping[str, Callable[[bytes], Container]] = {
    "PNG": Png,
    "JPEG": Jpeg,
    "WEBP": WebP,
    "GIF": Gif,
    "AVIF": Avif,
}


def clean(data: bytes, limits: Limits) -> list[Piece]:
    """Return *data* without metadata and without what follows its end; it shows the same pixels, the same way up.

    Raise `SourceRejected` unless it is a whole picture within *limits*.  `MemoryError` passes.
    """
    found = sniff.format_of(data)
    if found not in _CONTAINERS:  # nothing of it could stay
        raise heif.not_accepted()
    container = _CONTAINERS[found](data)
    picture = data if container.end == len(data) else data[: container.end]
    # Before anything that could take its time over it, and before a decoder sees it.
    outline = sniff.walk(picture, limits)
    orientation = _orientation(picture, outline) if container.may_be_turned else 1
    return list(merged(container.pieces(orientation)))


def _orientation(picture: bytes, outline: Outline) -> int:
    """Return what the metadata say, read as they are wherever else a picture is turned upright here."""
    try:
        with Image.open(BytesIO(picture), formats=(outline.format,)) as opened:
            return orientation_of(opened)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - unreadable metadata turn no picture, and they go
        return 1

"""Pixels as a file: Pillow's encoders, and what their failures say."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from PIL import AvifImagePlugin as _Avif  # noqa: F401 - else Pillow would import every format to find this one
from PIL import Image
from PIL import WebPImagePlugin as _WebP  # noqa: F401 - likewise

from app.adapters.imaging.protocol import MAX_PAYLOAD
from app.adapters.imaging.refusals import Reason, refused
from app.adapters.imaging.room import too_detailed

_RUN_LENGTHS = 3  # zlib.Z_RLE

_SAVING: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "png": ("PNG", {"compress_level": 1, "compress_type": _RUN_LENGTHS}),
    "jpg": ("JPEG", {"quality": 85}),
    "webp": ("WEBP", {"quality": 80, "method": 1}),
    "avif": ("AVIF", {"quality": 60, "speed": 9, "max_threads": 1}),
}

# WebPEncodingError of libwebp: OUT_OF_MEMORY and BITSTREAM_OUT_OF_MEMORY; PARTITION0_OVERFLOW and PARTITION_OVERFLOW,
# for what the format has 19 and 24 bits for.
_NO_MEMORY = frozenset({"encoding error 1", "encoding error 2"})
_OVERFLOW = frozenset({"encoding error 6", "encoding error 7"})
_AVIF_NO_MEMORY = "Out of memory"


def save(picture: Image.Image, extension: str, **more: Any) -> bytes:
    """Return *picture* as a file without any metadata; raise `SourceRejected` or `MemoryError`."""
    kind, options = _SAVING[extension]
    # Encoders copy what they find here: comments, profiles, EXIF.
    picture.info = {}
    buffer = BytesIO()
    with _translated(extension):
        picture.save(buffer, kind, **options, **more)
    if buffer.tell() > MAX_PAYLOAD:
        raise refused(Reason.TOO_MANY_PIXELS, "The image is too large to be rendered at that width.")
    return buffer.getvalue()


@contextmanager
def _translated(extension: str) -> Iterator[None]:
    """Tell what an encoder cannot do from what is wrong with a picture: this one has been decoded."""
    try:
        yield
    except (ValueError, RuntimeError, OSError) as exc:
        said = str(exc)
        if said in _NO_MEMORY or _AVIF_NO_MEMORY in said:
            raise MemoryError(said) from exc
        if said in _OVERFLOW:
            raise too_detailed(extension) from exc
        raise refused(Reason.ENCODER_FAILED) from exc

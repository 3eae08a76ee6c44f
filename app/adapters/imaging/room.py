"""Whether a rendering fits into a worker's memory, told before the work that would find out."""

from dataclasses import dataclass
from math import isqrt

from app.adapters.imaging.refusals import Reason, refused
from app.domain.errors import SourceRejected

_MEBIBYTE = 1 << 20
_BASE = 64 * _MEBIBYTE  # a worker that holds no picture
_DECODED = 4  # bytes per pixel of the original

# Measured at 12 to 49 million pixels: bytes per rendered pixel at the peak beside the original, a little rounded up.
_OPAQUE = {"png": 5, "jpg": 5, "webp": 11, "avif": 34}
_CLEAR = {"png": 6, "jpg": 14, "webp": 26, "avif": 37}
_NAMES = {"png": "PNG", "jpg": "JPEG", "webp": "WebP", "avif": "AVIF"}


@dataclass(frozen=True, slots=True)
class Room:
    """What a worker may use: *memory* in bytes, None for as much as it takes."""

    memory: int | None = None

    def require(self, *, original: tuple[int, int], size: tuple[int, int], extension: str, is_clear: bool) -> None:
        """Raise `SourceRejected`, saying which width fits, unless a rendering of *size* does.

        *is_clear* tells that something shows through: a second plane to encode.
        """
        if self.memory is None:
            return
        each = (_CLEAR if is_clear else _OPAQUE)[extension]
        left = max(0, self.memory - _BASE - _DECODED * original[0] * original[1])
        across, down = size
        if each * across * down > left:
            # Of the rendering's own proportions: pixels = width² · down / across; one less, for the height is rounded.
            raise too_large(extension, max(1, isqrt(left // each * across // down) - 1))


def too_large(extension: str, width: int) -> SourceRejected:
    """Return the refusal to raise when a rendering fits at *width* and not as it is wanted."""
    detail = f"The image is too large to be rendered as {_NAMES[extension]} at this size"
    return refused(Reason.TOO_MANY_PIXELS, f"{detail}: ask for another format, or for a width (w) of at most {width}.")


def too_detailed(extension: str) -> SourceRejected:
    """Return the refusal to raise when it is the format that cannot hold so much at once."""
    detail = f"The image has more detail than {_NAMES[extension]} holds at this size"
    return refused(Reason.TOO_MANY_PIXELS, f"{detail}: ask for another format, or for a smaller width (w).")

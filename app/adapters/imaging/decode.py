"""The whole decode, by Pillow.  Whatever Pillow throws means one thing: the picture is damaged.

Runs in a worker only, where a crash or a hang costs one picture.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import AvifImagePlugin, Image, ImageFile
from PIL import WebPImagePlugin as _WebP  # noqa: F401 - else Pillow would import every format to find this one

from app.adapters.imaging import code_points, colours
from app.adapters.imaging.orientation import is_sideways, orientation_of, upright
from app.adapters.imaging.outline import Limits, Outline
from app.adapters.imaging.refusals import Reason, refused

# A JPEG that indexes further pictures calls itself so.  They would lie after its end: there are none.
_MULTI_PICTURE = "MPO"
# A ThumbHash keeps seven waves a side: this is plenty for it, and takes half the time of the largest it allows.
_SAMPLE_SIDE = 64
_PICKED_SIDE = 4 * _SAMPLE_SIDE


OnFirst = Callable[[Image.Image, int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A small RGBA rendering of the first frame, upright, in sRGB."""

    width: int
    height: int
    rgba: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """*width* and *height* are pixels as shown, orientation applied."""

    width: int
    height: int
    sample: Sample


def prepare(limits: Limits) -> None:
    """Set Pillow's own guards, for this process."""
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = limits.max_pixels
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def decode(data: bytes, outline: Outline, *, on_first: OnFirst = lambda _picture, _orientation: None) -> Decoded:
    """Decode every frame of *data*; raise `SourceRejected` unless it is what *outline* says.

    *on_first* gets the first frame, decoded, and its orientation; it must leave the picture as it is.
    `MemoryError` passes: it says more about this process than about the picture.
    """
    try:
        _verify(data, outline)
        return _load(data, outline, on_first)
    except MemoryError:
        raise
    except Exception as exc:
        raise refused(Reason.CORRUPT, "The image cannot be decoded.") from exc


def _open(data: bytes, outline: Outline) -> ImageFile.ImageFile:
    return Image.open(BytesIO(data), formats=(outline.format,))


def _verify(data: bytes, outline: Outline) -> None:
    # Verifying spoils the picture for loading, so it has an opening of its own.
    with _open(data, outline) as picture:
        picture.verify()


def _load(data: bytes, outline: Outline, on_first: OnFirst) -> Decoded:
    with _open(data, outline) as picture:
        frames = 1 if picture.format == _MULTI_PICTURE else getattr(picture, "n_frames", 1)
        if picture.size != (outline.width, outline.height) or frames != outline.frames:
            raise refused(Reason.CORRUPT, "The image is not the one its container announces.")
        code_points.heed(picture, data)
        picture.load()
        orientation = orientation_of(picture)
        sample = _sample(picture, orientation)
        on_first(picture, orientation)
        for frame in range(1, frames):
            picture.seek(frame)
            picture.load()
    width, height = outline.width, outline.height
    if is_sideways(orientation):
        width, height = height, width
    return Decoded(width=width, height=height, sample=sample)


def _sample(picture: Image.Image, orientation: int) -> Sample:
    # Averaging a whole picture with alpha or a palette would first copy it; picking pixels does not.
    small = colours.plain(picture.resize(_fit(picture.size, _PICKED_SIDE), Image.Resampling.NEAREST))
    small = small.resize(_fit(small.size, _SAMPLE_SIDE), Image.Resampling.BOX)
    small = upright(colours.to_srgb(small, picture.info), orientation).convert("RGBA")
    return Sample(width=small.width, height=small.height, rgba=small.tobytes())


def _fit(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return *size* shrunk, if need be, so that no side is longer than *side*."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

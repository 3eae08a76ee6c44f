"""Renderings by Pillow: small first, then upright, then sRGB, then encoded with nothing but pixels.

The settings of the encoders are measured (docs/architecture.md): what they cost in time, they do not give back in size.
"""

from contextlib import suppress
from io import BytesIO

from PIL import Image, ImageFile
from PIL.Image import Resampling

from app.adapters.imaging import code_points, colours
from app.adapters.imaging.encoding import save
from app.adapters.imaging.inflate import inflated
from app.adapters.imaging.orientation import is_sideways, orientation_of, upright
from app.adapters.imaging.refusals import Reason, refused
from app.adapters.imaging.room import Room
from app.domain.errors import SourceRejected
from app.domain.variants import Rendering

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
_JPEG = frozenset({"JPEG", "MPO"})
_STILL = "MPO"  # a JPEG that indexes further pictures; they are not its frames

# Never enlarging, this filter is as good as bicubic and takes two thirds of its time.
_FILTER = Resampling.HAMMING
# More pixels than wanted are first averaged in whole blocks, as libvips does it too; what is left to the filter is less
# than a block, and takes half the time.
_GAP = 1.0
_DRAFT = 2.0  # of a JPEG, how many times the wanted pixels its decoder has to give at least
_MAX_ANIMATION = 100_000_000  # pixels of all frames as rendered: four bytes each
_MAX_COPIED = 16_000_000  # pixels; beyond, turning a palette into colours costs memory that an ingest needs
_BOUNDLESS = Room()
_DEFAULT_DURATION = 100  # milliseconds, as browsers have it


def render(data: bytes, rendering: Rendering, room: Room = _BOUNDLESS) -> bytes:
    """Return *rendering* of the picture *data*; raise `SourceRejected` when it cannot be made, or not in this *room*.

    `MemoryError` passes: it says more about this process than about the picture.
    """
    try:
        with Image.open(BytesIO(inflated(data)), formats=_FORMATS) as picture:
            code_points.heed(picture, data)
            return _made(picture, rendering, room)
    except (MemoryError, SourceRejected):
        raise
    except Exception as exc:
        raise refused(Reason.CORRUPT, "The image cannot be rendered.") from exc


def small_copy(picture: Image.Image, orientation: int, rendering: Rendering) -> bytes | None:
    """Return *rendering* of a loaded *picture* that is wider, if it can be made at little cost.

    It is an extra: whatever goes wrong, there is just none.
    """
    shown = picture.size[::-1] if is_sideways(orientation) else picture.size
    size = rendering.size(*shown)
    if size == shown or picture.width * picture.height > _MAX_COPIED:
        return None
    with suppress(Exception):
        return _encoded(_shown(picture, rendering, size=size, orientation=orientation), rendering.extension)
    return None


def frame(picture: Image.Image, *, size: tuple[int, int], orientation: int) -> Image.Image:
    """Return a copy of the loaded frame: *size* as shown, upright, in sRGB."""
    small = colours.plain(picture)
    lying = size[::-1] if is_sideways(orientation) else size
    small = small.copy() if small.size == lying else small.resize(lying, _FILTER, reducing_gap=_GAP)
    # Last, for only what is left has to be turned and converted.
    return colours.to_srgb(upright(small, orientation), picture.info)


def _shown(picture: Image.Image, rendering: Rendering, *, size: tuple[int, int], orientation: int) -> Image.Image:
    """Return the loaded frame with no alpha but what shows."""
    found = frame(picture, size=size, orientation=orientation)
    return colours.on_white(found) if rendering.extension == "jpg" else colours.without_idle_alpha(found)


def _encoded(picture: Image.Image, extension: str) -> bytes:
    if extension in {"webp", "avif"} and picture.mode in {"L", "LA"}:
        picture = picture.convert("RGBA" if picture.mode == "LA" else "RGB")
    return save(picture, extension)


def _made(picture: ImageFile.ImageFile, rendering: Rendering, room: Room) -> bytes:
    orientation = orientation_of(picture)
    is_lying = is_sideways(orientation)
    size = rendering.size(*(picture.size[::-1] if is_lying else picture.size))
    frames = 1 if picture.format == _STILL else getattr(picture, "n_frames", 1)
    # What looks like alpha may hide nothing: that is known, and counts, only once it is decoded.
    extension = rendering.extension
    room.require(original=picture.size, size=size, extension=extension, is_clear=False)
    if frames > 1 and rendering.keeps_motion:
        return _animation(picture, frames, size=size, orientation=orientation)
    if picture.format in _JPEG:
        # A decoder that is asked in time leaves out the detail nobody will see.
        across, down = size[::-1] if is_lying else size
        picture.draft(None, (int(_DRAFT * across), int(_DRAFT * down)))
    picture.load()
    shown = _shown(picture, rendering, size=size, orientation=orientation)
    room.require(original=picture.size, size=size, extension=extension, is_clear=shown.mode in {"LA", "RGBA"})
    return _encoded(shown, extension)


def _animation(picture: ImageFile.ImageFile, frames: int, *, size: tuple[int, int], orientation: int) -> bytes:
    if frames * size[0] * size[1] > _MAX_ANIMATION:
        raise refused(Reason.TOO_MANY_FRAMES, "The animation is too large to be rendered at that width.")
    shown, durations = [], []
    # A picture that stands in where nothing moves is no part of the motion.
    for number in range(1 if getattr(picture, "default_image", False) else 0, frames):
        picture.seek(number)
        picture.load()
        shown.append(frame(picture, size=size, orientation=orientation).convert("RGBA"))
        durations.append(int(picture.info.get("duration") or _DEFAULT_DURATION))
    loop = picture.info.get("loop", 1 if picture.format == "GIF" else 0)
    first, *others = shown
    return save(first, "webp", save_all=True, append_images=others, duration=durations, loop=loop)

"""Variants: renderings derived from an original, by format and by width.  Which one is asked for is decided here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import InvalidInput, RenderingFailed
from app.domain.images import CONTENT_TYPES, Image, ImageFacts

TARGETS: Mapping[str, str] = {extension: CONTENT_TYPES[extension] for extension in ("png", "jpg", "webp", "avif")}
"""The formats a picture can be rendered in."""

_ANIMATED = "webp"
_WEBP_SIDE = 16_383  # the container has 14 bits for a side


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a URL asks for; None where it says nothing."""

    extension: str | None = None
    """A key of `CONTENT_TYPES`."""
    width: int | None = None


ORIGINAL = Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """A picture in another format, at another width, or both; *width* is None at its full size."""

    extension: str
    width: int | None = None

    @property
    def keeps_motion(self) -> bool:
        """Whether an animation stays one; elsewhere its first frame stands for it."""
        return self.extension == _ANIMATED

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return its size, of a picture of *width* x *height* as shown: in proportion, never enlarged."""
        scale = min(1.0, (self.width or width) / width)
        if self.extension == "webp":
            scale = min(scale, _WEBP_SIDE / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantKey:
    """Which variant of which bytes: what is asked for twice under one key is the same thing."""

    blob: str
    """Where the original lies in the blob store."""
    sha256: str
    """Of the original: what lies at a key can be deleted, and something else be put there."""
    rendering: Rendering

    @property
    def owner(self) -> tuple[str, str]:
        """The user and the id of the image, as its blob's name has them."""
        user, _, name = self.blob.partition("/")
        return user, name.rpartition(".")[0]

    @classmethod
    def of(cls, image: Image, rendering: Rendering) -> "VariantKey":
        """Return the key of a *rendering* of a stored *image*."""
        if image.digest is None:
            raise ValueError(f"{image.id} has no bytes yet")
        return cls(blob=image.key, sha256=image.digest.sha256, rendering=rendering)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantFacts:
    """What is known of a variant's bytes."""

    extension: str
    size: int
    sha256: str
    """64 lower-case hexadecimal characters."""

    @property
    def content_type(self) -> str:
        return TARGETS[self.extension]


class Outcome(StrEnum):
    """How a variant that was asked for came about."""

    KEPT = "kept"
    MADE = "made"
    """By this request: one rendering each."""
    JOINED = "joined"
    """By another request, which this one waited for."""
    REFUSED = "refused"
    """The queue was full."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """An image that was looked into, and the copy that was made of it meanwhile; *copy* is None if none was."""

    facts: ImageFacts
    copy: bytes | None = None


def gallery_rendering(width: int) -> Rendering:
    """Return what is made of each image as it arrives, so that the first look at a list of them waits for nothing."""
    # Measured: as quick to make as the original's own format, and a seventh of a PNG's bytes.
    return Rendering(extension="webp", width=width)


def rendering_within(facts: ImageFacts, side: int) -> Rendering:
    """Return a JPEG of which no side is longer than *side* pixels; raise `RenderingFailed` for a picture so narrow."""
    longest = max(facts.width, facts.height)
    if longest <= side:
        return Rendering(extension="jpg")
    # Rounded down, so that the height in proportion is not a pixel too much.
    rendering = Rendering(extension="jpg", width=max(1, facts.width * side // longest))
    if max(rendering.size(facts.width, facts.height)) > side:
        raise RenderingFailed(f"The picture cannot be narrowed to {side} pixels.")
    return rendering


def find_rendering(image: Image, wanted: Wanted) -> Rendering | None:
    """Return what has to be made of a stored *image*, or None when its original is what is *wanted*.

    The URL's own extension and the true type's both ask for the original's format.  Raise `InvalidInput` for a
    format that nothing is rendered in.
    """
    if image.facts is None:
        raise ValueError(f"{image.id} has no bytes yet")
    is_narrower = wanted.width is not None and wanted.width < image.facts.width
    width = wanted.width if is_narrower else None
    if wanted.extension is None or _goes_by(image, image.facts, wanted.extension):
        return Rendering(extension=own_target(image.facts.extension), width=width) if is_narrower else None
    extension = "jpg" if wanted.extension == "jpeg" else wanted.extension
    if extension not in TARGETS:
        raise InvalidInput(f"Images are converted to {', '.join(TARGETS)}.", field="image")
    return Rendering(extension=extension, width=width)


def own_target(extension: str) -> str:
    """Return the format of smaller copies of a file of this true type; GIF is read here, but not made."""
    return extension if extension in TARGETS else _ANIMATED


def _goes_by(image: Image, facts: ImageFacts, extension: str) -> bool:
    """Whether *extension* asks for the format the image has: that of the URL it was given, or its true type."""
    return extension == image.url_extension or CONTENT_TYPES[extension] == facts.content_type

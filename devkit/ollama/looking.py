"""Eyes: what a picture really is, and what can be said of its pixels."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import dist

from PIL import Image, UnidentifiedImageError

FORMATS = frozenset({"JPEG", "PNG", "WEBP"})
_NAMED = {
    "black": (0, 0, 0),
    "grey": (128, 128, 128),
    "white": (255, 255, 255),
    "red": (210, 40, 40),
    "orange": (235, 140, 40),
    "yellow": (235, 220, 60),
    "olive": (125, 125, 40),
    "green": (50, 160, 60),
    "teal": (40, 135, 135),
    "blue": (50, 80, 200),
    "sky blue": (130, 185, 235),
    "purple": (125, 55, 155),
    "pink": (240, 150, 185),
    "brown": (120, 75, 40),
}
_EVEN = 8  # of 255; less of a difference in brightness is none


class NoPicture(Exception):
    """Bytes that no runner takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as it arrived, opened."""

    content: bytes = field(repr=False)
    format: str
    width: int
    height: int
    colour: str
    lighter: str | None
    """The side it gets lighter towards."""

    def __str__(self) -> str:
        towards = f", lighter towards the {self.lighter}" if self.lighter else ""
        return f"a {self.width} x {self.height} {self.format}, mostly {self.colour}{towards}"


def look(content: bytes) -> Picture:
    """Open a picture, all of it; raise `NoPicture`."""
    try:
        with Image.open(io.BytesIO(content)) as opened:
            kind = opened.format or ""
            four = opened.convert("RGB").resize((2, 2), Image.Resampling.BOX).tobytes()
            size = opened.size
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise NoPicture("image: unknown format") from exc
    if kind not in FORMATS:
        raise NoPicture("image: unknown format")
    corners = [tuple(four[index : index + 3]) for index in range(0, 12, 3)]
    return Picture(
        content=content,
        format=kind,
        width=size[0],
        height=size[1],
        colour=_name([sum(channel) // 4 for channel in zip(*corners, strict=True)]),
        lighter=_lighter([sum(corner) / 3 for corner in corners]),
    )


def said_of(pictures: Sequence[Picture], question: str) -> str:
    """Return what there is to say."""
    if not pictures:
        return f"There is no picture here. You said: {question.strip() or 'nothing'}"
    told = "; ".join(str(picture) for picture in pictures)
    return f"{told[0].upper()}{told[1:]}."


def _name(colour: Sequence[int]) -> str:
    return min(_NAMED, key=lambda name: dist(_NAMED[name], colour))


def _lighter(corners: Sequence[float]) -> str | None:
    upper_left, upper_right, lower_left, lower_right = corners
    across = (upper_right + lower_right - upper_left - lower_left) / 2
    down = (lower_left + lower_right - upper_left - upper_right) / 2
    if max(abs(across), abs(down)) < _EVEN:
        return None
    if abs(across) >= abs(down):
        return "right" if across > 0 else "left"
    return "bottom" if down > 0 else "top"

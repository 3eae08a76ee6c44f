"""ThumbHash: a picture in at most 25 bytes, for a blurred placeholder (evanw.github.io/thumbhash).

Luminance, two colour differences and alpha, each as the low frequencies of a cosine transform in 4-bit steps.
The transform is separable, rows first and then columns, which makes it fast enough for plain Python.
"""

from dataclasses import dataclass
from math import cos, pi
from operator import mul

MAX_SIDE = 100
"""Of the picture that is hashed; more detail would not show."""

_OPAQUE = 255
_NOISE = 1e-9

Channel = list[float]


@dataclass(frozen=True, slots=True)
class _Waves:
    """A channel's constant term, and its varying ones as numbers from 0 to 15 of *scale*."""

    constant: float
    scale: float
    terms: list[int]


def thumbhash(width: int, height: int, rgba: bytes) -> bytes:
    """Return the ThumbHash of *rgba*: rows of four bytes a pixel, colour not multiplied by alpha."""
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and len(rgba) == 4 * width * height):
        raise ValueError(f"a picture of {width} x {height} in {len(rgba)} bytes cannot be hashed")
    has_alpha = rgba[3::4] != bytes([_OPAQUE]) * (width * height)
    most = 5 if has_alpha else 7
    columns = max(1, _round(most * width / max(width, height)))
    rows = max(1, _round(most * height / max(width, height)))
    luminance, yellow, red, alpha = _channels(rgba)
    light = _waves(luminance, width, max(3, columns), max(3, rows))
    p, q = _waves(yellow, width, 3, 3), _waves(red, width, 3, 3)
    is_landscape = width > height
    head = _pack(
        (_round(63 * light.constant), 6),
        (_round(31.5 + 31.5 * p.constant), 6),
        (_round(31.5 + 31.5 * q.constant), 6),
        (_round(31 * light.scale), 5),
        (has_alpha, 1),
        (rows if is_landscape else columns, 3),
        (_round(63 * p.scale), 6),
        (_round(63 * q.scale), 6),
        (is_landscape, 1),
    )
    terms = light.terms + p.terms + q.terms
    if has_alpha:
        a = _waves(alpha, width, 5, 5)
        head += _pack((_round(15 * a.constant), 4), (_round(15 * a.scale), 4))
        terms += a.terms
    return head + _pack(*((term, 4) for term in terms))


def _channels(rgba: bytes) -> tuple[Channel, Channel, Channel, Channel]:
    """Return luminance, yellow against blue, red against green, and alpha, each from 0 or -1 to 1.

    What is transparent takes the average colour of what is not, so that it adds no edges.
    """
    alpha = [value / 255 for value in rgba[3::4]]
    total = sum(alpha) or 1.0
    planes = []
    for offset in range(3):
        weighted = [value * a / 255 for value, a in zip(rgba[offset::4], alpha, strict=True)]
        average = sum(weighted) / total
        planes.append([value + average * (1 - a) for value, a in zip(weighted, alpha, strict=True)])
    pixels = list(zip(*planes, strict=True))
    luminance = [(r + g + b) / 3 for r, g, b in pixels]
    yellow = [(r + g) / 2 - b for r, g, b in pixels]
    red = [r - g for r, g, _ in pixels]
    return luminance, yellow, red, alpha


def _waves(channel: Channel, width: int, columns: int, rows: int) -> _Waves:
    """Return the low frequencies of *channel*: those above the anti-diagonal of *columns* x *rows*."""
    height = len(channel) // width
    across = [_wave(width, frequency) for frequency in range(columns)]
    lines = [channel[start : start + width] for start in range(0, len(channel), width)]
    spectrum = [[sum(map(mul, line, wave)) for line in lines] for wave in across]
    terms = []
    for y in range(rows):
        down = _wave(height, y)
        terms += [
            sum(map(mul, spectrum[x], down)) / len(channel) for x in range(columns) if x * rows < columns * (rows - y)
        ]
    constant, *varying = terms
    scale = max(map(abs, varying))
    # An even colour varies only by rounding, which is not worth showing.
    if scale < _NOISE:
        return _Waves(constant, 0.0, [0] * len(varying))
    return _Waves(constant, scale, [_round(7.5 + 7.5 * term / scale) for term in varying])


def _wave(length: int, frequency: int) -> list[float]:
    return [cos(pi / length * frequency * (place + 0.5)) for place in range(length)]


def _round(value: float) -> int:
    return int(value + 0.5)


def _pack(*fields: tuple[int, int]) -> bytes:
    """Return numbers of so many bits each, lowest bits first."""
    number = bits = 0
    for value, width in fields:
        number |= int(value) << bits
        bits += width
    return number.to_bytes((bits + 7) // 8, "little")

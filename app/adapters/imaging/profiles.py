"""Colour profiles (ICC.1:2022) for what ITU-T H.273 names by two numbers: the primaries, and the curve of the samples.

Encoders mean sRGB's curve where they write that of video (BT.709, 601, 2020), and HLG was made to look right on such a
screen: all these get sRGB's.  PQ counts in candelas: white is what is white on paper (203, ITU-R BT.2408), and whatever
shines brighter is white too.
"""

import math
import struct
from collections.abc import Mapping, Sequence

_D50 = (0.9642, 1.0, 0.8249)
# From D65 to D50 by Bradford's matrix, as is every row below.
_ADAPTATION = (1.04788, 0.02292, -0.05021, 0.02958, 0.99048, -0.01708, -0.00925, 0.01507, 0.75169)
# Red, green and blue in XYZ, of the primaries (H.273, table 2) whose white is D65.
_PAL = ((0.45525, 0.23228, 0.01453), (0.36759, 0.70782, 0.10487), (0.14136, 0.05990, 0.70550))
_NTSC = ((0.41629, 0.22168, 0.01365), (0.39319, 0.70328, 0.09133), (0.15471, 0.07504, 0.71994))
_PRIMARIES: Mapping[int, Sequence[Sequence[float]]] = {
    1: ((0.43604, 0.22248, 0.01392), (0.38511, 0.71690, 0.09707), (0.14305, 0.06061, 0.71392)),  # BT.709
    5: _PAL,
    6: _NTSC,
    7: _NTSC,
    9: ((0.67348, 0.27904, -0.00193), (0.16567, 0.67534, 0.02998), (0.12505, 0.04561, 0.79686)),  # BT.2020
    12: ((0.51512, 0.24119, -0.00105), (0.29198, 0.69224, 0.04188), (0.15711, 0.06657, 0.78408)),  # Display P3
}
_BT_709 = 1

_SRGB_LIKE = frozenset({1, 6, 13, 14, 15, 18})
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_POWERS = {4: 2.2, 5: 2.8, 8: 1.0}
_PQ = 16
_STEPS = 1024
_PAPER_WHITE = 203 / 10_000

_VERSION = 0x0440_0000
_HEADER_SIZE = 128


def is_srgb(primaries: int, transfer: int) -> bool:
    """Tell whether the numbers stand for the colours of sRGB."""
    return primaries == _BT_709 and transfer in _SRGB_LIKE


def find_profile(primaries: int, transfer: int) -> bytes | None:
    """Return the profile of RGB in these colours; None if that is sRGB, or numbers that nobody here knows."""
    curve = _curve(transfer)
    if primaries not in _PRIMARIES or curve is None or is_srgb(primaries, transfer):
        return None
    red, green, blue = (_numbers(b"XYZ ", *colour) for colour in _PRIMARIES[primaries])
    tags = {
        b"desc": _text(f"H.273: {primaries}, {transfer}"),
        b"cprt": _text("CC0"),
        b"wtpt": _numbers(b"XYZ ", *_D50),
        b"chad": _numbers(b"sf32", *_ADAPTATION),
        b"rXYZ": red,
        b"gXYZ": green,
        b"bXYZ": blue,
    }
    return _packed(tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def _curve(transfer: int) -> bytes | None:
    if transfer in _SRGB_LIKE:
        return _parametric(3, *_SRGB_CURVE)
    if transfer in _POWERS:
        return _parametric(0, _POWERS[transfer])
    if transfer != _PQ:
        return None
    light = (min(1.0, _pq_light(step / (_STEPS - 1)) / _PAPER_WHITE) for step in range(_STEPS))
    return struct.pack(f">4sxxxxI{_STEPS}H", b"curv", _STEPS, *(round(0xFFFF * value) for value in light))


def _pq_light(sample: float) -> float:
    """Return the light of a *sample*, of 10,000 candelas a square metre (SMPTE ST 2084, 5.1)."""
    root = math.pow(sample, 32 / 2523)
    return math.pow(max(0.0, root - 107 / 128) / (2413 / 128 - 2392 / 128 * root), 8192 / 1305)


def _parametric(kind: int, *values: float) -> bytes:
    return struct.pack(">4sxxxxHxx", b"para", kind) + _fixed(*values)


def _numbers(kind: bytes, *values: float) -> bytes:
    return kind + bytes(4) + _fixed(*values)


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(0x1_0000 * value) for value in values))


def _text(words: str) -> bytes:
    content = words.encode("utf-16-be")
    return struct.pack(">4sxxxxII4sII", b"mluc", 1, 12, b"enUS", len(content), 28) + content


def _packed(tags: Mapping[bytes, bytes]) -> bytes:
    """Return the profile of a display that *tags* make; equal ones are stored once (7.3)."""
    places: dict[bytes, int] = {}
    table, store = struct.pack(">I", len(tags)), b""
    start = _HEADER_SIZE + len(table) + 12 * len(tags)
    for name, content in tags.items():
        if content not in places:
            places[content] = start + len(store)
            store += content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, places[content], len(content))
    return _header(start + len(store)) + table + store


def _header(size: int) -> bytes:
    head = struct.pack(">IxxxxI12s", size, _VERSION, b"mntrRGB XYZ ")
    created = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return (head + created + b"acsp").ljust(68, b"\0") + _fixed(*_D50).ljust(_HEADER_SIZE - 68, b"\0")

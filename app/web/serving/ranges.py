"""Byte ranges (RFC 9110 §14): from the text of a `Range` field to the parts of a body."""

import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_RANGES = 8
"""More are not worth the parts they would make: the whole body is sent instead (RFC 9110 §17.15)."""

PART_OVERHEAD = 160
"""About what a part of a multipart body costs, in bytes: ranges closer together than this are sent as one."""

_SPEC = re.compile("(?P<first>[0-9]*)-(?P<last>[0-9]*)")
_DIGITS = 18  # any number longer than this lies beyond every file; it is never converted
_BEYOND = 10**_DIGITS


class Span(NamedTuple):
    """The bytes from *start* up to, not including, *stop*; never empty."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


def select(text: str, size: int) -> tuple[Span, ...] | None:
    """Return what the value of `Range` asks of *size* bytes: disjoint, in the order in which it was asked for.

    None: to be ignored, for another unit than bytes, bad syntax, too many ranges, or nothing to choose from.
    Empty: well said, but none of it lies in these bytes, which is 416.
    """
    specs = _parse(text)
    if specs is None or size == 0:
        return None
    spans = (_resolve(first, last, size) for first, last in specs)
    return _coalesce(span for span in spans if span is not None)


def _parse(text: str) -> list[tuple[int | None, int | None]] | None:
    """Return the (first, last) positions as written; one bad range spoils the set (§14.1.1)."""
    unit, _, ranges = text.strip(" \t").partition("=")
    if unit.lower() != "bytes" or ranges != ranges.lstrip(" \t"):
        return None
    items = [item for part in ranges.split(",") if (item := part.strip(" \t"))]
    if not 0 < len(items) <= MAX_RANGES:
        return None
    specs = [spec for item in items if (spec := _parse_spec(item)) is not None]
    return specs if len(specs) == len(items) else None


def _parse_spec(item: str) -> tuple[int | None, int | None] | None:
    found = _SPEC.fullmatch(item)
    if found is None:
        return None
    first, last = _number(found["first"]), _number(found["last"])
    if first is None:
        return None if last is None else (None, last)
    return None if last is not None and last < first else (first, last)


def _number(digits: str) -> int | None:
    if not digits:
        return None
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _DIGITS else _BEYOND


def _resolve(first: int | None, last: int | None, size: int) -> Span | None:
    """Return the span meant in *size* bytes, or None if it holds no byte; a *last* alone counts from the end."""
    if first is None:
        start, stop = size - min(last or 0, size), size
    else:
        start, stop = first, size if last is None else min(last + 1, size)
    return Span(start, stop) if start < stop else None


def _coalesce(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[tuple[int, Span]] = []
    for place, span in sorted(enumerate(spans), key=lambda placed: placed[1]):
        if merged and span.start - merged[-1][1].stop < PART_OVERHEAD:
            earlier, before = merged[-1]
            merged[-1] = (min(earlier, place), Span(before.start, max(before.stop, span.stop)))
        else:
            merged.append((place, span))
    # Sorting was for merging only: parts go out in the order in which they were asked for (§15.3.7.2).
    return tuple(span for _, span in sorted(merged))

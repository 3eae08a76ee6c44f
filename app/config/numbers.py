"""Readers of numbers, spans, sizes and choices.

Each is bounded above, so that no arithmetic overflows later.  No message repeats the text it refuses: it may be a
secret in the wrong place.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")

_NUMBER = re.compile(r"(?=\.?[0-9])[0-9]{0,15}(\.[0-9]{0,15})?")
_WHOLE = re.compile(r"[0-9]{1,12}")
_LONGEST = timedelta(days=36500)
_LARGEST = 2**60
_WIDEST = 16_384
_MOST_WIDTHS = 20


def one_of(choices: dict[str, T]) -> Callable[[str], T]:
    def parse(text: str) -> T:
        if text.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}.")
        return choices[text.lower()]

    return parse


def whole(lowest: int, highest: int = 10**9) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not lowest <= int(text) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}.")
        return int(text)

    return parse


def span(unit: timedelta) -> Callable[[str], timedelta]:
    def parse(text: str) -> timedelta:
        if (number := _number(text)) > _LONGEST / unit:
            raise ValueError("is longer than a hundred years.")
        # However short, it is not nothing: nothing may mean "off".
        return max(unit * number, timedelta.resolution) if number else timedelta()

    return parse


def size(unit: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if (number := _number(text) * unit) > _LARGEST:
            raise ValueError("is larger than any disk.")
        return max(int(number), 1) if number else 0

    return parse


def some(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Read as *parse* does, but refuse nothing: 0 or an empty list."""

    def checked(text: str) -> T:
        if not (value := parse(text)):
            raise ValueError("must be more than 0.")
        return value

    return checked


def unless_empty(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    return lambda text: parse(text) if text else None


def unless_zero(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    return lambda text: parse(text) or None


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a number such as 90 or 0.5, not negative.")
    return float(text)


def share(text: str) -> float:
    if not 0 < (part := _number(text)) <= 1:
        raise ValueError("must be a share of the volume, more than 0 and at most 1.")
    return part


def widths(text: str) -> tuple[int, ...]:
    """Read pixels separated by commas; the narrowest comes first."""
    parse = whole(1, _WIDEST)
    try:
        found = tuple(sorted(parse(entry.strip()) for entry in text.split(",")))
    except ValueError:
        found = ()
    if not 0 < len(found) <= _MOST_WIDTHS or len(set(found)) < len(found):
        raise ValueError(f"must be up to {_MOST_WIDTHS} different widths from 1 to {_WIDEST}, separated by commas.")
    return found

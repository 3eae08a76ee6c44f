"""JSON without its traps: what every reader would read alike (I-JSON, RFC 7493), within bounds.

Python's own reader takes NaN, numbers beyond a double, two members of one name, half a surrogate pair, and any other
Unicode encoding.  None of these could be given back, or stored, as they came.
"""

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

_DEEPEST = 100
_MOST_VALUES = 250_000


def loads(raw: bytes) -> Any:
    """Return the value of *raw*; raise `ValueError`, whose text is for the caller."""
    # Counted before anything is made of it: three bytes of text can become sixty of objects.
    if sum(map(raw.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ValueError("has too many values")
    try:
        document = json.loads(
            raw.decode(), parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_without_repetition
        )
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except _Refused:
        raise
    except ValueError:
        raise ValueError("is not valid JSON") from None
    _check(document)
    return document


class _Refused(ValueError):
    """JSON by its grammar, but not by ours."""


def _refuse_constant(_: str) -> NoReturn:
    raise _Refused("has a number that JSON does not know")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Refused("has a number that is too large")
    return number


def _without_repetition(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise _Refused("has two members of the same name")
    return found


def _check(document: Any) -> None:
    level = [document]
    for _ in range(_DEEPEST):
        level = [child for value in level for child in _children(value)]
        if not level:
            return
    raise ValueError("is nested too deeply")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, str) and not value.isascii():
        _require_whole_characters(value)
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    return value if isinstance(value, list) else ()


def _require_whole_characters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("has half a character") from None

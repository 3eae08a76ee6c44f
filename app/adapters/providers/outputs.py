"""Finds the files in what a model put out, whatever its shape."""

from collections.abc import Iterator, Mapping, Sequence

MOST_FILES = 64
_DEEPEST = 16
_SCHEMES = ("https:", "data:")
_SCHEMES_WITH_HTTP = (*_SCHEMES, "http:")


def files_in(output: object, *, allow_http: bool = False) -> tuple[str, ...]:
    """Return every string in *output* that is the address of a file, in order and with repetitions.

    An output's place in this order is its index for good, so nothing is sorted out here but what lies deeper than
    16 levels, and what comes after the first 64.
    """
    schemes = _SCHEMES_WITH_HTTP if allow_http else _SCHEMES
    found: list[str] = []
    for text in _strings(output, depth=0):
        if text.startswith(schemes):
            found.append(text)
        if len(found) == MOST_FILES:
            break
    return tuple(found)


def _strings(value: object, *, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST:
        for child in _children(value):
            yield from _strings(child, depth=depth + 1)


def _children(value: object) -> Sequence[object]:
    if isinstance(value, Mapping):
        return tuple(value.values())
    return value if isinstance(value, list | tuple) else ()

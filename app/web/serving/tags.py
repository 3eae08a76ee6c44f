"""Entity-tags (RFC 9110 §8.8.3): lists of them as conditional requests bring them."""

import re
from collections.abc import Iterator

_SPACE = " \t"
# One element of a list, possibly empty, with its comma.  The quantifiers are possessive: a hostile list costs one
# pass.  An opaque tag holds anything but quotes, spaces and controls; aiohttp hands other bytes on as characters.
_ELEMENT = re.compile(r'[ \t]*+(?:(?P<weak>W/)?(?P<tag>"[^"\x00-\x20\x7f]*+")[ \t]*+)?(?:,|\Z)')


def matches(text: str, etag: str, *, strong: bool) -> bool:
    """Tell whether the list *text* holds *etag*, our own strong tag in its quotes; `*` holds every tag.

    With *strong*, a weak tag matches nothing; else its `W/` is overlooked (§8.8.3.2).  A list that cannot be read
    holds nothing: `If-Match` then fails, and `If-None-Match` gets the bytes.
    """
    if text.strip(_SPACE) == "*":
        return True
    return any(tag == etag and not (strong and weak) for weak, tag in _parse(text))


def _parse(text: str) -> tuple[tuple[bool, str], ...]:
    """Return each tag as (is it weak, the tag in its quotes); nothing at all if one element is no tag."""
    try:
        return tuple(_elements(text))
    except ValueError:
        return ()


def _elements(text: str) -> Iterator[tuple[bool, str]]:
    position = 0
    while position < len(text):
        element = _ELEMENT.match(text, position)
        if element is None:
            raise ValueError(text)
        if element["tag"] is not None:
            yield element["weak"] is not None, element["tag"]
        position = element.end()

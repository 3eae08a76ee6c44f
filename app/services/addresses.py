"""Addresses in a model's input: whatever in it the model could take for the place of a file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.errors import InvalidInput

_DEEPEST = 32
# What readers of URLs drop before they look, each its own choice of it: controls, and marks of no width.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
# Many take a backslash for a slash, and a web address without its slashes for one with them.
_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*:[/\\]{2}\S*|[/\\]{2}\S+|(https?|wss?|file|s?ftps?|s3|gs|gopher|blob):\S+", re.IGNORECASE
)
_NAMES_ADDRESSES = re.compile(r"(?is).*(ur[li]s?|images?|masks?)")
_NAMES_PICTURES = re.compile(r"(?is).*(image|mask).*")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedUrl:
    """An address of a file: where the request gives it, and which input of the model gets it."""

    field: str
    name: str
    url: str
    is_picture: bool = True

    @property
    def is_listed(self) -> bool:
        return self.name.endswith("urls")


def addresses_in(value: object, place: str, name: str = "", depth: int = 0) -> Iterator[NamedUrl]:
    """Yield each address in *value*, as it is written; data URLs are none.

    A text under a name that asks for an address is one, whatever it looks like; any other is one if it has the form
    of a URL and no blanks within.  Raise `InvalidInput` for what is nested too deep to be looked into.
    """
    if isinstance(value, str):
        if value[:5].lower() != "data:" and (_NAMES_ADDRESSES.fullmatch(name) or _is_address(value)):
            yield NamedUrl(field=place, name=name, url=value, is_picture=_NAMES_PICTURES.fullmatch(name) is not None)
    elif isinstance(value, Mapping | list):
        if depth == _DEEPEST:
            raise InvalidInput(f"The input is nested more than {_DEEPEST} deep.", field="input")
        for key, child in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from addresses_in(child, f"{place}.{key}", key if isinstance(key, str) else name, depth + 1)


def swapped(value: Any, swaps: Mapping[str, str]) -> Any:
    """Return *value* with other texts in place of those that *swaps* names."""
    if isinstance(value, str):
        return swaps.get(value, value)
    if isinstance(value, Mapping):
        return {name: swapped(child, swaps) for name, child in value.items()}
    return [swapped(child, swaps) for child in value] if isinstance(value, list) else value


def _is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(_UNSEEN.sub("", text).strip()) is not None

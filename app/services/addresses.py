"""Addresses in a model's input: whatever in it the model could take for the place of a file."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.domain import data_urls
from app.domain.errors import InvalidInput

_DEEPEST = 32
# What readers of URLs drop before they look, each its own choice of it: controls, and marks of no width.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
# Many take a backslash for a slash, and a web address without its slashes for one with them.
_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]{0,31}:[/\\]{2}\S*|[/\\]{2}\S+|(https?|wss?|file|s?ftps?|s3|gs|gopher|blob):\S+", re.IGNORECASE
)
_ADDRESS_WITHIN = re.compile(r"[/\\]{2}\S|\b(?:https?|wss?|file|s?ftps?|s3|gs|gopher|blob):\S", re.IGNORECASE)
_MARKS = re.compile(r"[\s\"'`\u2018-\u201f\xab\xbb\u2039\u203a<(\[{]*")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_PROSE = frozenset(
    {
        *("prompt", "prompts", "text", "texts", "caption", "captions", "title", "titles", "lyrics", "query", "comment"),
        *("description", "descriptions", "instruction", "instructions", "question", "questions", "message", "messages"),
        *("content", "script", "transcript", "story", "speech", "dialogue", "subtitle", "subtitles"),
    }
)
# A name with one of these is that of a file, whatever else it says: `image_prompt`, `text_encoder`.
_FILES = frozenset(
    {
        *("image", "images", "mask", "masks", "video", "videos", "audio", "url", "urls", "uri", "uris", "link"),
        *("path", "paths", "file", "files", "lora", "loras", "weights", "model", "checkpoint", "encoder", "embedding"),
    }
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

    A text under a name that asks for an address is one, whatever it looks like; under a name of prose it is one if it
    is nothing else; any other if it begins as one, whatever follows.  JSON in a text that is no prose counts as what it
    says.  Raise `InvalidInput` for what is nested too deep to be looked into.
    """
    if isinstance(value, str):
        yield from _addresses_in_text(value, place, name, depth)
    elif isinstance(value, Mapping | list):
        if depth == _DEEPEST:
            raise _too_deep()
        for key, child in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from addresses_in(child, f"{place}.{key}", key if isinstance(key, str) else name, depth + 1)


def swapped(value: Any, swaps: Mapping[str, str]) -> Any:
    """Return *value* with other texts in place of those that *swaps* names."""
    if isinstance(value, str):
        return swaps.get(value, value)
    if isinstance(value, Mapping):
        return {name: swapped(child, swaps) for name, child in value.items()}
    return [swapped(child, swaps) for child in value] if isinstance(value, list) else value


def _addresses_in_text(text: str, place: str, name: str, depth: int) -> Iterator[NamedUrl]:
    is_asked_for = _NAMES_ADDRESSES.fullmatch(name) is not None
    if data_urls.is_data_url(text):
        return
    document = None if is_asked_for or _is_prose(name) else _document(text)
    if document is not None:
        if depth == _DEEPEST:
            raise _too_deep()
        for each in addresses_in(document, place, name, depth + 1):
            yield replace(each, field=place)
    elif is_asked_for or _is_address(text, is_prose=_is_prose(name)):
        yield NamedUrl(field=place, name=name, url=text, is_picture=_NAMES_PICTURES.fullmatch(name) is not None)


def _is_address(text: str, *, is_prose: bool) -> bool:
    seen = _UNSEEN.sub("", text).strip()
    if is_prose:
        return _ADDRESS.fullmatch(seen) is not None
    marks = _MARKS.match(seen)
    start = marks.end() if marks else 0
    # What begins like JSON and is none may still be read as such by somebody less strict.
    is_like_json = seen[:1] in {"{", "["}
    return _ADDRESS.match(seen, start) is not None or (is_like_json and _ADDRESS_WITHIN.search(seen) is not None)


def _is_prose(name: str) -> bool:
    words = {word.lower() for word in _WORDS.findall(name)}
    return not words.isdisjoint(_PROSE) and words.isdisjoint(_FILES)


def _document(text: str) -> object:
    """Return the JSON that *text* is; None where it is none, or only a number or a word."""
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return None
    try:
        found: object = json.loads(text, parse_int=str)
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        return None
    return found


def _too_deep() -> InvalidInput:
    return InvalidInput(f"The input is nested more than {_DEEPEST} deep.", field="input")

"""Pictures inside the URL: `data:image/png;base64,…` (RFC 2397), read strictly.

The base64 is RFC 4648's with its padding, and nothing else between the characters: no white space, no percent signs.
"""

import asyncio
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from app.domain.errors import SourceRejected
from app.domain.images import CONTENT_TYPES

WORTH_A_URL = 256 * 1024
"""Bytes of data from which on providers want a URL in its place."""

_NAME = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"
_HEAD = re.compile(rf"data:(?P<type>{_NAME}/{_NAME})?", re.IGNORECASE)
_PARAMETERS = re.compile(r"(;[a-z0-9-]{1,64}=[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]{0,128}){0,8}", re.IGNORECASE)
_ENCODING = re.compile(r";base64,", re.IGNORECASE)
_BEGINNING = re.compile(r"\s{0,256}data:", re.IGNORECASE)
_TYPE = re.compile(rf" {{0,8}}({_NAME}/{_NAME}) {{0,8}}[;,]", re.IGNORECASE)
_SAYS_BASE64 = re.compile(r"; {0,8}base64 {0,8}\Z", re.IGNORECASE)
_LONGEST_HEAD = 2048
_OTHER_NAMES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/apng": "image/png",
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
}
_GROUPS_PER_SLICE = 64 * 1024  # of four characters: 192 KiB decoded


class NotBase64(Exception):
    """What should be base64 is not.  No caller ever sees this."""


@dataclass(frozen=True, slots=True)
class DataUrl:
    """A data URL; *size* is of the data, in bytes, if their base64 is right.  *content_type* may be empty."""

    text: str
    content_type: str
    start: int
    size: int

    @property
    def is_image(self) -> bool:
        """Whether it calls itself one."""
        return self.content_type.startswith("image/")

    @property
    def is_large(self) -> bool:
        return self.size > WORTH_A_URL


def parse(text: str) -> DataUrl:
    """Return what *text* says of itself, looking at no more than its head and its length; raise `SourceRejected`."""
    head = _HEAD.match(text)
    if head is None:
        raise SourceRejected("not_a_data_url", "A data URL begins with data:image/…;base64,.")
    content_type = named_type(head["type"] or "text/plain")
    if content_type not in CONTENT_TYPES.values():
        raise SourceRejected("type_not_allowed", f"Only {', '.join(sorted(set(CONTENT_TYPES.values())))} are accepted.")
    parameters = _PARAMETERS.match(text, head.end())
    encoding = _ENCODING.match(text, parameters.end() if parameters else head.end())
    if encoding is None:
        raise SourceRejected("not_base64", "The data URL must say ;base64, before its data.")
    size = _size(text, encoding.end())
    if size <= 0:
        raise SourceRejected("empty", "The data URL holds no data.")
    return DataUrl(text, content_type, encoding.end(), size)


def find(text: str) -> DataUrl | None:
    """Return *text* as a data URL in base64 of any type, its head read as browsers do; None if it is none.

    Blanks around it are dropped.
    """
    if not is_data_url(text):
        return None
    bare = text.strip()
    head, comma, _ = bare[:_LONGEST_HEAD].partition(",")
    start = len(head) + 1
    if not comma or not _SAYS_BASE64.search(head):
        return None
    return DataUrl(bare, named_type(declared_type(bare)), start, _size(bare, start))


def is_data_url(text: str) -> bool:
    """Tell whether *text*, behind blanks, begins as a data URL."""
    return _BEGINNING.match(text) is not None


def declared_type(text: str) -> str:
    """Return the type that a data URL names, in lower case; an empty text where it names none."""
    beginning = _BEGINNING.match(text)
    found = _TYPE.match(text, beginning.end()) if beginning else None
    return found[1].lower() if found else ""


def named_type(content_type: str) -> str:
    """Return the name we use for a type that goes by several."""
    name = content_type.lower()
    return _OTHER_NAMES.get(name, name)


def should_use_url(text: str) -> bool:
    """Tell whether *text* is a data URL so large that a provider should get a URL instead."""
    return is_data_url(text) and _size(text, text.find(",") + 1) > WORTH_A_URL


class Writable(Protocol):
    async def write(self, chunk: bytes) -> None: ...


async def decode_into(staging: Writable, text: str, *, start: int) -> None:
    """Write what the base64 from *start* on decodes to, slice by slice and off the event loop; raise `NotBase64`."""
    slices = _slices(text, start)
    while chunk := await asyncio.to_thread(next, slices, b""):
        await staging.write(chunk)


def _slices(text: str, start: int) -> Iterator[bytes]:
    step = 4 * _GROUPS_PER_SLICE
    for offset in range(start, len(text), step):
        yield _decoded(text[offset : offset + step], is_last=offset + step >= len(text))


def _size(text: str, start: int) -> int:
    return (len(text) - start) * 3 // 4 - text.count("=", max(start, len(text) - 2))


def _decoded(encoded: str, *, is_last: bool) -> bytes:
    # binascii would take padding at the end of any slice for the end of the text.
    if not is_last and "=" in encoded:
        raise NotBase64
    try:
        decoded = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise NotBase64 from error
    # Nor does it mind whole groups of padding after the last one.
    if len(decoded) != len(encoded) / 4 * 3 - encoded.count("="):
        raise NotBase64
    return decoded

"""Forms as they come: their small fields are collected, their files go on piece by piece."""

from collections.abc import AsyncIterator, Mapping
from email.message import Message

from aiohttp import web

from app.domain.errors import InvalidInput, TooLarge, UnknownField
from app.web.arrival import arriving
from app.web.errors import MalformedBody
from app.web.keys import OPTIONS
from app.web.multipart import MAX_PARTS, FormParser, Part

FORM = "multipart/form-data"
SMALL = 1024
"""Bytes that are enough for an id."""

AROUND = 64 * 1024
"""Bytes a form may have beside its files and its long texts."""

_IGNORED = "_charset_"  # RFC 7578 4.6: there is no text here whose meaning depends on it
_LONGEST_NAME = 100


class Fields:
    """The texts of a form, each there once at most, by name; *bounds* are the most bytes of each that may be there."""

    def __init__(self, bounds: Mapping[str, int]) -> None:
        self._bounds = {**bounds, _IGNORED: SMALL}
        self._given: dict[str, bytearray] = {}

    def begin(self, part: Part) -> None:
        """Raise `UnknownField` or `InvalidInput` unless the form may have *part*, now."""
        if part.name not in self._bounds:
            raise unknown(part)
        if part.name in self._given:
            raise repeated(part.name)
        self._given[part.name] = bytearray()

    def append(self, name: str, piece: bytes) -> None:
        """Take the next bytes of a field; raise `TooLarge`."""
        given, most = self._given[name], self._bounds[name]
        if len(given) + len(piece) > most:
            raise TooLarge(f"A field is larger than {most} bytes.", field=name)
        given += piece

    def find(self, name: str) -> str | None:
        """Return what a field says; raise `InvalidInput` if that is not UTF-8."""
        return None if name not in self._given else text_of(name, self._given[name])


def text_of(name: str, raw: bytes | bytearray) -> str:
    """Return *raw* as text; raise `InvalidInput` if it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} is not UTF-8.", field=name) from None


def unknown(part: Part) -> UnknownField:
    return UnknownField("There is no such field.", field=part.name[:_LONGEST_NAME] or None)


def repeated(name: str) -> InvalidInput:
    return InvalidInput("A field can be there once only.", field=name)


async def parts(request: web.Request, *, most: int, most_parts: int = MAX_PARTS) -> AsyncIterator[Part | bytes]:
    """Yield the parts of a form of at most *most* bytes, and the pieces of their contents.

    Raise `TooLarge`, `RequestTimeout`, `MalformedBody` or `UnsupportedMediaType`.
    """
    parser = FormParser(_boundary(request), most_parts=most_parts)
    async for piece in arriving(request, most=most, min_rate=request.app[OPTIONS].upload_min_rate):
        for found in parser.feed(piece):
            yield found
    parser.close()


def _boundary(request: web.Request) -> bytes:
    head = Message()
    head["Content-Type"] = request.headers["Content-Type"]
    boundary = head.get_boundary("")
    if not boundary.isascii():
        raise MalformedBody("The multipart body has no valid boundary.")
    return boundary.encode()

"""The body of an upload: a form with a `file`, or just the picture.  Its bytes go on as they come."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message

from aiohttp import web

from app.domain.errors import InvalidInput, TooLarge, UnknownField
from app.services.uploads import Incoming
from app.web.arrival import arriving
from app.web.errors import MalformedBody, UnsupportedMediaType
from app.web.keys import OPTIONS
from app.web.multipart import FormParser, Part

FILE = "file"
_FORM = "multipart/form-data"
_FIELDS = frozenset({"user_id"})
_IGNORED = "_charset_"  # RFC 7578 4.6: there is no text here whose meaning depends on it
_MAX_FIELD = 1024
_LONGEST_NAME = 100
_AROUND = 64 * 1024
"""What a form may have beside its file."""


@dataclass(slots=True)
class Received:
    """What came beside the picture."""

    content_type: str | None = None
    fields: dict[str, str] = field(default_factory=dict)

    def owner(self, named: str | None) -> str | None:
        """Return whom the form names, or else the query (*named*); raise `InvalidInput` if they differ."""
        given = self.fields.get("user_id", named)
        if named is not None and given != named:
            raise InvalidInput("The form and the query name different users.", field="user_id")
        return given


def require_upload(request: web.Request) -> int:
    """Return how many bytes are announced; raise `UnsupportedMediaType` or `TooLarge` before any is read."""
    is_form = request.content_type == _FORM
    if not is_form and not request.content_type.startswith("image/"):
        raise UnsupportedMediaType("The body must be multipart/form-data with a field `file`, or an image.")
    announced, most = request.content_length or 0, request.app[OPTIONS].max_upload
    if announced > most + (_AROUND if is_form else 0):
        raise TooLarge(f"The image is larger than {most} bytes.", field=FILE)
    return announced


async def receive(request: web.Request, into: Incoming) -> Received:
    """Write the picture into *into* and return the rest.

    Raise `TooLarge`, `RequestTimeout`, `MalformedBody`, `UnsupportedMediaType`, or `InvalidInput` and `UnknownField`
    with the field that is to blame.
    """
    if request.content_type != _FORM:
        async for piece in _arriving(request, 0):
            await into.write(piece)
        return Received(request.content_type)
    return await _receive_form(request, into)


async def _receive_form(request: web.Request, into: Incoming) -> Received:
    received, part, has_file = Received(), Part("", None), False
    async for found in _parts(request):
        if isinstance(found, Part):
            part = _expected(found, received, has_file=has_file)
            if part.name == FILE:
                has_file, received.content_type = True, part.content_type
        elif part.name == FILE:
            await into.write(found)
        else:
            _append(received, part.name, found)
    if not has_file:
        raise InvalidInput("The form has no file.", field=FILE)
    received.fields.pop(_IGNORED, None)
    return received


async def _parts(request: web.Request) -> AsyncIterator[Part | bytes]:
    parser = FormParser(_boundary(request))
    async for piece in _arriving(request, _AROUND):
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


def _arriving(request: web.Request, around: int) -> AsyncIterator[bytes]:
    options = request.app[OPTIONS]
    return arriving(request, most=options.max_upload + around, min_rate=options.upload_min_rate)


def _expected(part: Part, received: Received, *, has_file: bool) -> Part:
    """Raise unless the form may have this part, now."""
    if part.name not in {FILE, _IGNORED, *_FIELDS}:
        raise UnknownField("There is no such field.", field=part.name[:_LONGEST_NAME] or None)
    if part.name in received.fields or (part.name == FILE and has_file):
        raise InvalidInput("A field can be there once only.", field=part.name)
    if part.name != FILE:
        received.fields[part.name] = ""
    return part


def _append(received: Received, name: str, piece: bytes) -> None:
    if len(received.fields[name]) + len(piece) > _MAX_FIELD:
        raise TooLarge(f"A field is larger than {_MAX_FIELD} bytes.", field=name)
    received.fields[name] += piece.decode("utf-8", errors="replace")

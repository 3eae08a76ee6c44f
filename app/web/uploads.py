"""The body of an upload: a form with a `file`, or just the picture.  Its bytes go on as they come."""

from dataclasses import dataclass

from aiohttp import web

from app.domain.errors import InvalidInput, TooLarge
from app.services.uploads import Incoming
from app.web.arrival import arriving
from app.web.errors import UnsupportedMediaType
from app.web.forms import AROUND, FORM, SMALL, Fields, parts, repeated
from app.web.keys import OPTIONS
from app.web.multipart import Part

FILE = "file"
_OWNER = "user_id"


@dataclass(frozen=True, slots=True)
class Received:
    """What came beside the picture."""

    content_type: str | None
    user: str | None = None

    def owner(self, named: str | None) -> str | None:
        """Return whom the form names, or else the query (*named*); raise `InvalidInput` if they differ."""
        if named is not None and self.user not in {None, named}:
            raise InvalidInput("The form and the query name different users.", field=_OWNER)
        return named if self.user is None else self.user


def require_upload(request: web.Request) -> int:
    """Return how many bytes are announced; raise `UnsupportedMediaType` or `TooLarge` before any is read."""
    is_form = request.content_type == FORM
    if not is_form and not request.content_type.startswith("image/"):
        raise UnsupportedMediaType("The body must be multipart/form-data with a field `file`, or an image.")
    announced, most = request.content_length or 0, request.app[OPTIONS].max_upload
    if announced > most + (AROUND if is_form else 0):
        raise TooLarge(f"The image is larger than {most} bytes.", field=FILE)
    return announced


async def receive(request: web.Request, into: Incoming) -> Received:
    """Write the picture into *into* and return the rest.

    Raise `TooLarge`, `RequestTimeout`, `MalformedBody`, `UnsupportedMediaType`, or `InvalidInput` and `UnknownField`
    with the field that is to blame.
    """
    if request.content_type != FORM:
        options = request.app[OPTIONS]
        async for piece in arriving(request, most=options.max_upload, min_rate=options.upload_min_rate):
            await into.write(piece)
        return Received(request.content_type)
    return await _receive_form(request, into)


async def _receive_form(request: web.Request, into: Incoming) -> Received:
    fields, part, file = Fields({_OWNER: SMALL}), Part("", None), None
    async for found in parts(request, most=request.app[OPTIONS].max_upload + AROUND):
        if isinstance(found, Part):
            part = found
            if part.name != FILE:
                fields.begin(part)
            elif file is not None:
                raise repeated(FILE)
            else:
                file = part
        elif part.name == FILE:
            await into.write(found)
        else:
            fields.append(part.name, found)
    if file is None:
        raise InvalidInput("The form has no file.", field=FILE)
    return Received(file.content_type, fields.find(_OWNER))

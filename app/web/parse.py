"""Strings of a request become values of the domain, or a refusal that names the field."""

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from app.domain.catalog import IdempotencyKey
from app.domain.errors import InvalidInput, NotFound, UnknownField
from app.domain.ids import GenerationId, ImageId, SessionId, StreamId, UserId
from app.domain.images import CONTENT_TYPES
from app.domain.temporary import TemporaryId
from app.web import strict_json
from app.web.arrival import arriving
from app.web.errors import MalformedBody, UnsupportedMediaType
from app.web.keys import OPTIONS

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SMALL = 256 * 1024
_MOST_PROBLEMS = 20
_LONGEST_NAME = 100

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class NamedImage:
    """The last segment of an image URL: an id, and the extension it was asked for with."""

    id: ImageId
    extension: str | None


@dataclass(frozen=True, slots=True)
class NamedTemporary:
    """The last segment of a temporary image's URL."""

    id: TemporaryId
    extension: str | None


def path_user(request: web.Request) -> UserId:
    """Return the owner a path names; what is no user id names nobody."""
    try:
        return UserId.parse(request.match_info["user"])
    except InvalidInput:
        raise NotFound("There is nothing here.") from None


def path_image(request: web.Request) -> NamedImage:
    """Return the image a path names, with or without an extension that images here can have."""
    return _image(request.match_info["image"])


def _image(segment: str) -> NamedImage:
    name, dot, extension = segment.partition(".")
    try:
        named = NamedImage(ImageId.parse(name), extension.lower() if dot else None)
    except InvalidInput:
        raise NotFound("There is no such image.") from None
    if dot and named.extension not in CONTENT_TYPES:
        raise NotFound("There is no such image.", field="image")
    return named


def variant_width(request: web.Request) -> int | None:
    """Return the width that `?w=` asks for, one of those that are made."""
    given, known = request.query.getall("w", []), request.app[OPTIONS].variant_widths
    if not given:
        return None
    for width in known:
        if given == [str(width)]:
            return width
    raise InvalidInput(f"w is given once, as one of {', '.join(map(str, known))}.", field="w")


def path_generation(request: web.Request) -> GenerationId:
    try:
        return GenerationId.parse(request.match_info["generation"])
    except InvalidInput:
        raise NotFound("There is no such generation.") from None


def path_temporary(request: web.Request) -> NamedTemporary:
    """Return the temporary image a path names, with or without an extension."""
    name, dot, extension = request.match_info["id"].partition(".")
    return NamedTemporary(TemporaryId.parse(name), extension if dot else None)


def path_picture(request: web.Request) -> NamedTemporary | NamedImage:
    """Return what a path below /api/images names: a temporary image goes by a UUID, a chat's picture does not."""
    try:
        return path_temporary(request)
    except NotFound:
        return path_private_picture(request)


def path_private_picture(request: web.Request) -> NamedImage:
    """Return the picture of a chat that a path names, with or without an extension."""
    return _image(request.match_info["id"])


async def idempotency_key(request: web.Request, body: BaseModel) -> IdempotencyKey | None:
    """Return the request's `Idempotency-Key` with a digest of what it asks for."""
    if repetition(request) is None:
        return None
    return keyed(request, await asyncio.to_thread(_digest, body))  # a body may be one huge data URI


def repetition(request: web.Request) -> str | None:
    """Return the request's `Idempotency-Key`."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidInput("An Idempotency-Key is 1-255 visible ASCII characters.", field="Idempotency-Key")
    return key


def keyed(request: web.Request, sha256: str) -> IdempotencyKey | None:
    """Return the request's `Idempotency-Key` for what has this digest."""
    key = repetition(request)
    if key is None:
        return None
    return IdempotencyKey(key=key, operation=f"{request.method} {request.path}"[:32], request_sha256=sha256)


def _digest(body: BaseModel) -> str:
    # How long someone waits is not what they ask for: a retry may well be less patient.
    asked = json.dumps(body.model_dump(mode="python", exclude={"wait"}), sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def path_session(request: web.Request) -> SessionId:
    return SessionId.parse(request.match_info["session"])


def path_stream(request: web.Request) -> StreamId:
    return StreamId.parse(request.match_info["stream"])


async def json_body(request: web.Request, model: type[Body]) -> Body:
    """Return the request's JSON body as *model*.

    Raise `UnsupportedMediaType`, `TooLarge` (before anything is read, where the length is said), `RequestTimeout`,
    `MalformedBody`, or `InvalidInput` and `UnknownField` with the field that is to blame.
    """
    if request.content_type != "application/json":
        raise UnsupportedMediaType("The body must be application/json.")
    raw = await read_body(request, request.app[OPTIONS].max_body)
    options = request.app[OPTIONS]
    bounds = {"max_metadata": options.max_metadata, "max_pictures": options.chat.max_pictures}
    if len(raw) <= _SMALL:
        return _load(raw, model, bounds)
    return await asyncio.to_thread(_load, raw, model, bounds)


async def read_body(request: web.Request, most: int) -> bytes:
    """Return the raw body of at most *most* bytes, in the time that a body may take."""
    body = bytearray()
    async for piece in arriving(request, most=most):
        body += piece
    return bytes(body)


def _load(raw: bytes, model: type[Body], bounds: Mapping[str, int]) -> Body:
    try:
        document = strict_json.loads(raw)
    except ValueError as error:
        raise MalformedBody(f"The body {error}.") from None
    if not isinstance(document, dict):
        raise MalformedBody("The body must be a JSON object.")
    try:
        return model.model_validate(document, context=bounds)
    except ValidationError as error:
        _refuse(error)


def _refuse(error: ValidationError) -> NoReturn:
    found = error.errors(include_url=False, include_context=False, include_input=False)[:_MOST_PROBLEMS]
    problems = [{"field": _field(each["loc"]), "detail": each["msg"].removeprefix("Value error, ")} for each in found]
    field, said = problems[0]["field"], problems[0]["detail"]
    details = {"errors": problems}
    if found[0]["type"] == "extra_forbidden":
        raise UnknownField("There is no such field.", field=field, details=details)
    raise InvalidInput(f"{field}: {said}" if field else f"{said}", field=field, details=details)


def _field(location: tuple[int | str, ...]) -> str | None:
    """Return where the blame lies; a name of the client's own is not repeated at any length."""
    return ".".join(str(part) for part in location)[:_LONGEST_NAME] or None

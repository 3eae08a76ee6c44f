"""Strings of a request become values of the domain, or a refusal that names the field."""

import asyncio
import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from app.domain.catalog import IdempotencyKey
from app.domain.errors import AppError, InvalidInput, NotFound, TooLarge, UnknownField
from app.domain.ids import GenerationId, ImageId, UserId
from app.domain.images import ImagePosition
from app.web.errors import MalformedBody, RequestTimeout, UnsupportedMediaType
from app.web.keys import OPTIONS

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SMALL = 256 * 1024
_MOST_PER_PAGE = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class NamedImage:
    """The last segment of an image URL: an id, and the extension it was asked for with."""

    id: ImageId
    extension: str | None


def path_user(request: web.Request) -> UserId:
    """Return the owner a path names; what is no user id names nobody."""
    try:
        return UserId.parse(request.match_info["user"])
    except InvalidInput:
        raise NotFound("There is nothing here.") from None


def path_image(request: web.Request) -> NamedImage:
    """Return the image a path names, with or without an extension."""
    name, dot, extension = request.match_info["image"].partition(".")
    try:
        return NamedImage(ImageId.parse(name), extension.lower() if dot else None)
    except InvalidInput:
        raise NotFound("There is no such image.") from None


def path_generation(request: web.Request) -> GenerationId:
    try:
        return GenerationId.parse(request.match_info["generation"])
    except InvalidInput:
        raise NotFound("There is no such generation.") from None


def idempotency_key(request: web.Request, body: BaseModel) -> IdempotencyKey | None:
    """Return the request's `Idempotency-Key` with a digest of what it asks for."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidInput("An Idempotency-Key is 1-255 visible ASCII characters.", field="Idempotency-Key")
    asked = json.dumps(body.model_dump(mode="python"), sort_keys=True, default=str)
    digest = hashlib.sha256(asked.encode()).hexdigest()
    return IdempotencyKey(key=key, operation=f"{request.method} {request.path}"[:32], request_sha256=digest)


def page(request: web.Request) -> tuple[ImagePosition | None, int]:
    """Return where a page begins and how long it is (`?cursor=&limit=`)."""
    limit = request.query.get("limit", "50")
    if not (limit.isascii() and limit.isdecimal() and len(limit) <= len("200") and 1 <= int(limit) <= _MOST_PER_PAGE):
        raise InvalidInput(f"limit is a whole number from 1 to {_MOST_PER_PAGE}.", field="limit")
    cursor = request.query.get("cursor")
    return (None if not cursor else _position(cursor)), int(limit)


def cursor_of(position: ImagePosition) -> str:
    """Return *position* as the opaque text that `page` reads."""
    moment = (position.created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{moment}:{position.id}".encode()).decode().rstrip("=")


def _position(cursor: str) -> ImagePosition:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        moment, _, image = text.partition(":")
        return ImagePosition(_EPOCH + timedelta(microseconds=int(moment)), ImageId.parse(image))
    except (binascii.Error, ValueError, OverflowError, AppError):
        raise InvalidInput("That is not a cursor of ours.", field="cursor") from None


async def json_body(request: web.Request, model: type[Body]) -> Body:
    """Return the request's JSON body as *model*.

    Raise `UnsupportedMediaType`, `TooLarge` (before anything is read, where the length is said), `RequestTimeout`,
    `MalformedBody`, or `InvalidInput` and `UnknownField` with the field that is to blame.
    """
    if request.content_type != "application/json":
        raise UnsupportedMediaType("The body must be application/json.")
    raw = await read_body(request, request.app[OPTIONS].max_body)
    document = _parse(raw) if len(raw) <= _SMALL else await asyncio.to_thread(_parse, raw)
    if not isinstance(document, dict):
        raise MalformedBody("The body must be a JSON object.")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        _refuse(error)


async def read_body(request: web.Request, most: int) -> bytes:
    """Return the raw body of at most *most* bytes, in the time that a body may take."""
    if (request.content_length or 0) > most:
        raise TooLarge(f"The body is larger than {most} bytes.")
    body = bytearray()
    try:
        async with asyncio.timeout(request.app[OPTIONS].body_seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > most:
                    raise TooLarge(f"The body is larger than {most} bytes.")
    except TimeoutError:
        raise RequestTimeout("The body did not arrive in time.") from None
    return bytes(body)


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise MalformedBody("The body is not valid JSON.") from None


def _no_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity; JSON has neither (RFC 8259 §6), and could not give them back.
    raise ValueError(name)


def _refuse(error: ValidationError) -> NoReturn:
    problems = [
        {"field": ".".join(str(part) for part in found["loc"]) or None, "detail": found["msg"]}
        for found in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = problems[0]["field"]
    details = {"errors": problems}
    if first["type"] == "extra_forbidden":
        raise UnknownField(f"There is no field {field!r}.", field=field, details=details)
    said = first["msg"].removeprefix("Value error, ")
    raise InvalidInput(f"{field}: {said}" if field else said, field=field, details=details)

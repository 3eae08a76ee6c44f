"""A message to a model as it comes in: JSON, or a form whose pictures go on as they come."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from app.domain.catalog import IdempotencyKey
from app.domain.errors import InvalidInput
from app.domain.ids import SessionId
from app.services.questions import Question
from app.services.uploads import Incoming
from app.web import parse
from app.web.auth import owner
from app.web.bodies import ChatBody
from app.web.errors import UnsupportedMediaType
from app.web.form_pictures import IMAGES, NAMES, ArrivingPicture, named
from app.web.forms import AROUND, FORM, SMALL, Fields, parts
from app.web.keys import OPTIONS, SERVICES
from app.web.multipart import MAX_PARTS, Part

_JSON = "application/json"
_BYTES_PER_CHARACTER = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what makes it the same as an earlier one."""

    question: Question
    idempotency_key: IdempotencyKey | None


@asynccontextmanager
async def asked(request: web.Request) -> AsyncIterator[Asked]:
    """Yield what *request* asks; what came with it is there as long as the block.

    Raise `UnsupportedMediaType`, `TooLarge`, `RequestTimeout`, `MalformedBody`, `NotFound` (of somebody else), or
    `InvalidInput` and `UnknownField` with the field that is to blame.
    """
    async with AsyncExitStack() as files:
        match request.content_type:
            case "application/json":
                yield await _of_json(request)
            case "multipart/form-data":
                yield await _of_form(request, files)
            case _:
                raise UnsupportedMediaType(f"The body must be {_JSON} or {FORM}.")


async def _of_json(request: web.Request) -> Asked:
    body = await parse.json_body(request, ChatBody)
    question = Question(
        user=owner(request, body.user_id),
        text=body.message or "",
        model=body.model,
        session=None if body.session_id is None else SessionId.parse(body.session_id),
        pictures=[named(text) for text in body.images or ()],
    )
    return Asked(_required(request, question), await parse.idempotency_key(request, body))


async def _of_form(request: web.Request, files: AsyncExitStack) -> Asked:
    options = request.app[OPTIONS].chat
    form = _Form(request, files)
    most = options.max_pictures * options.max_picture + _longest_text(request) + AROUND
    async for found in parts(request, most=most, most_parts=MAX_PARTS + options.max_pictures):
        if isinstance(found, Part):
            await form.begin(found)
        else:
            await form.append(found)
    return Asked(_required(request, form.question()), form.key())


def _required(request: web.Request, question: Question) -> Question:
    """Return *question* if there is something to answer, and not too much; raise `InvalidInput`."""
    most = request.app[OPTIONS].chat.max_message
    if len(question.text) > most:
        raise InvalidInput(f"A message has at most {most} characters.", field="message")
    if not question.has_text and not question.pictures:
        raise InvalidInput("A message or a picture is needed.", field="message")
    return question


def _longest_text(request: web.Request) -> int:
    return _BYTES_PER_CHARACTER * request.app[OPTIONS].chat.max_message


class _Form:
    """The parts of a form that have come."""

    def __init__(self, request: web.Request, files: AsyncExitStack) -> None:
        bounds = {"message": _longest_text(request), "model": SMALL, "session_id": SMALL, "user_id": SMALL}
        self._request = request
        self._files = files
        self._fields = Fields(bounds)
        self._part = Part("", None)
        self._pictures: list[ArrivingPicture] = []

    async def begin(self, part: Part) -> None:
        """Take the head of the next part; raise `InvalidInput` or `UnknownField`."""
        self._part = part
        if part.name not in NAMES:
            self._fields.begin(part)
            return
        options = self._request.app[OPTIONS].chat
        if len(self._pictures) == options.max_pictures:
            raise InvalidInput(f"At most {options.max_pictures} pictures go with a message.", field=IMAGES)
        picture = ArrivingPicture(part, receive=self._receive, most=options.max_picture)
        self._pictures.append(picture)
        await picture.begin()

    async def append(self, piece: bytes) -> None:
        """Take the next piece of the part's content; raise `TooLarge`."""
        if self._part.name in NAMES:
            await self._pictures[-1].write(piece)
        else:
            self._fields.append(self._part.name, piece)

    def question(self) -> Question:
        find = self._fields.find
        session = find("session_id")
        return Question(
            user=owner(self._request, find("user_id") or None),
            text=find("message") or "",
            model=find("model") or None,
            session=SessionId.parse(session) if session else None,
            pictures=[each.picture() for each in self._pictures if not each.is_nothing],
        )

    def key(self) -> IdempotencyKey | None:
        """Return the request's `Idempotency-Key` with a digest of what has come."""
        texts = [self._fields.find(name) or "" for name in ("message", "model", "session_id")]
        digests = [
            *(hashlib.sha256(text.encode()).hexdigest() for text in texts),
            *(each.sha256 for each in self._pictures),
        ]
        return parse.keyed(self._request, hashlib.sha256(" ".join(digests).encode()).hexdigest())

    async def _receive(self) -> Incoming:
        announced, most = self._request.content_length or 0, self._request.app[OPTIONS].chat.max_picture
        receiving = self._request.app[SERVICES].chat.receive(min(announced, most))
        return await self._files.enter_async_context(receiving)

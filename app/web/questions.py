"""A message to a model as it comes in: JSON, or a form whose pictures go on as they come.

A picture that cannot be taken is no end of the message: its refusal goes on in its place, and the rest of it is read
and let go.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from app.domain.catalog import IdempotencyKey
from app.domain.errors import AppError, InvalidInput
from app.domain.ids import ImageId, SessionId
from app.services.chat_pictures import GivenData, GivenFile, GivenUp, Picture
from app.services.questions import Question
from app.services.uploads import Incoming
from app.web import parse
from app.web.auth import owner
from app.web.bodies import ChatBody
from app.web.errors import UnsupportedMediaType
from app.web.forms import AROUND, FORM, SMALL, Fields, parts
from app.web.keys import OPTIONS, SERVICES
from app.web.multipart import MAX_PARTS, Part

IMAGES: Final = "images"
_JSON = "application/json"
_TEXT = "text/plain"
_BYTES_PER_CHARACTER = 4
_BASE64_SLACK = 4 / 3


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
        text=body.message,
        model=body.model,
        session=None if body.session_id is None else SessionId.parse(body.session_id),
        pictures=[_named(text) for text in body.images],
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


def _named(text: str) -> Picture:
    """Return the picture that *text* names or holds; raise `InvalidInput`."""
    if text[:5].lower() == "data:":
        return GivenData(text)
    try:
        return ImageId.parse(text)
    except InvalidInput:
        raise InvalidInput("A picture is the id of an own image, or a data URL.", field=IMAGES) from None


class _Form:
    """The parts of a form that have come."""

    def __init__(self, request: web.Request, files: AsyncExitStack) -> None:
        bounds = {"message": _longest_text(request), "model": SMALL, "session_id": SMALL, "user_id": SMALL}
        self._request = request
        self._files = files
        self._fields = Fields(bounds)
        self._part = Part("", None)
        self._pictures: list[_Arriving] = []

    async def begin(self, part: Part) -> None:
        """Take the head of the next part; raise `InvalidInput` or `UnknownField`."""
        self._part = part
        if part.name != IMAGES:
            self._fields.begin(part)
            return
        options = self._request.app[OPTIONS].chat
        if len(self._pictures) == options.max_pictures:
            raise InvalidInput(f"At most {options.max_pictures} pictures go with a message.", field=IMAGES)
        if part.has_file_name or part.content_type not in {None, _TEXT}:
            self._pictures.append(await self._receive(part, options.max_picture))
        else:
            self._pictures.append(_Words(int(_BASE64_SLACK * options.max_picture) + SMALL))

    async def append(self, piece: bytes) -> None:
        """Take the next piece of the part's content."""
        if self._part.name == IMAGES:
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

    async def _receive(self, part: Part, most: int) -> "_File":
        chat, announced = self._request.app[SERVICES].chat, self._request.content_length
        file = _File(part)
        try:
            file.incoming = await self._files.enter_async_context(chat.receive(min(announced or 0, most)))
        except AppError as refusal:
            file.refusal = refusal
        return file


class _Arriving(Protocol):
    """A picture of a form, while it arrives; *is_nothing*: none was chosen."""

    @property
    def is_nothing(self) -> bool: ...

    @property
    def sha256(self) -> str: ...

    async def write(self, piece: bytes) -> None: ...

    def picture(self) -> Picture: ...


class _File:
    """One that is sent as a file."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._hash = hashlib.sha256()
        self._size = 0
        self.incoming: Incoming | None = None
        self.refusal: AppError | None = None

    @property
    def is_nothing(self) -> bool:
        return self._part.is_left_empty and self._size == 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    async def write(self, piece: bytes) -> None:
        self._size += len(piece)
        self._hash.update(piece)
        if self.incoming is None or self.refusal is not None:
            return
        try:
            await self.incoming.write(piece)
        except AppError as refusal:
            self.refusal = refusal

    def picture(self) -> Picture:
        if self.incoming is None or self.refusal is not None:
            return GivenUp(self.refusal or InvalidInput("There is no picture.", field=IMAGES))
        return GivenFile(self.incoming, self._part.content_type)


class _Words:
    """One that is sent as text, of at most *most* bytes: an id or a data URL."""

    is_nothing = False

    def __init__(self, most: int) -> None:
        self._fields = Fields({IMAGES: most})
        self._fields.begin(Part(IMAGES, None))

    @property
    def sha256(self) -> str:
        return hashlib.sha256((self._fields.find(IMAGES) or "").encode()).hexdigest()

    async def write(self, piece: bytes) -> None:
        self._fields.append(IMAGES, piece)

    def picture(self) -> Picture:
        return _named(self._fields.find(IMAGES) or "")

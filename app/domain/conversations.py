"""Conversations: who said what to whom, about which pictures, and what the catalog remembers of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.domain.catalog import IdempotencyKey
from app.domain.ids import ImageId, MessageId, SessionId, StreamId, UserId
from app.domain.images import Image


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"


class MessageStatus(StrEnum):
    STREAMING = "streaming"
    """Being said at this moment."""
    COMPLETE = "complete"
    STOPPED = "stopped"
    """Whoever asked wanted no more of it, or left; its content is what was said until then."""
    FAILED = "failed"
    """The model, or this service, gave up; its content is what was said until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A conversation of one owner.  *title* is how its first message begins; *messages* is their number."""

    id: SessionId
    user: UserId
    title: str
    created_at: datetime
    updated_at: datetime
    messages: int


@dataclass(frozen=True, slots=True)
class SessionPosition:
    """A place in an owner's list of conversations, the latest first: the keyset cursor."""

    updated_at: datetime
    id: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What was said once.  *number* counts from 1 within its session; *images* are as they are now, even deleted."""

    id: MessageId
    session: SessionId
    number: int
    role: Role
    status: MessageStatus
    content: str
    created_at: datetime
    images: Sequence[Image] = ()
    ended_at: datetime | None = None
    model: str | None = None
    """Which one has answered, or is to."""
    stream: StreamId | None = None
    """Under which an answer was said."""
    error_code: str | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    """What the model has counted, as it names it; spans are nanoseconds."""

    @property
    def has_images(self) -> bool:
        return bool(self.images)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTurn:
    """A question and the answer that begins.  *owner* is the process that will say it.

    *asked_at* is when the request came, *at* when it is kept: the model may have been loaded in between.
    """

    user: UserId
    session: SessionId
    is_new_session: bool
    title: str
    question: MessageId
    content: str
    images: Sequence[ImageId]
    answer: MessageId
    stream: StreamId
    model: str
    owner: str
    asked_at: datetime
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an answer ended, and all that was said."""

    status: MessageStatus
    content: str
    at: datetime
    error_code: str | None = None
    counters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something that conversations and images say differently; *what* is a stable snake_case word."""

    what: str
    where: str


class Conversations(Protocol):
    """The conversations of all owners.  Every change is one transaction, durable on return."""

    async def find_session(self, session: SessionId) -> Session | None: ...

    async def sessions(self, user: UserId, *, after: SessionPosition | None, limit: int) -> list[Session]:
        """Return up to *limit* conversations, the latest first, those after *after* only."""

    async def messages(self, session: SessionId, *, after: int, limit: int) -> list[Message]:
        """Return up to *limit* messages whose number is greater than *after*, in order."""

    async def latest(self, session: SessionId, *, limit: int, before: int | None = None) -> list[Message]:
        """Return the last *limit* messages, of those whose number is less than *before*, in order."""

    async def begin(self, turn: NewTurn, *, idempotency_key: IdempotencyKey | None = None) -> StreamId:
        """Record a question and the empty answer, in state `streaming`, that follows it; return the turn's stream.

        With an idempotency key that came before, record nothing and return the stream of that time, even if its
        conversation was deleted since.  Raise `IdempotencyKeyReused`, or `NotFound` when the session is not there any
        more, an image is not its owner's, or the owner was erased (`ImageCatalog.forget_owner`) since it was asked.
        """

    async def keep(self, answer: MessageId, *, owner: str, content: str) -> bool:
        """Replace what was said so far; False when the answer has ended, is gone or is another process's."""

    async def end(self, answer: MessageId, *, owner: str, ending: Ending) -> bool:
        """End an answer; False, changing nothing, as for `keep`."""

    async def find_answer(self, stream: StreamId) -> tuple[UserId, Message] | None:
        """Return the answer that is, or was, said under *stream*, and whose it is."""

    async def ask_to_stop(self, stream: StreamId, *, at: datetime) -> None:
        """Have whoever says it stop; one that has ended is left as it is."""

    async def asked_to_stop(self, streams: Sequence[StreamId]) -> set[StreamId]:
        """Return those of *streams* that are to stop, or whose session was deleted."""

    async def end_abandoned(self, *, owner: str | None, at: datetime) -> int:
        """End, as failed with `interrupted`, what *owner* (None: anybody) was saying; return how many."""

    async def delete_session(self, session: SessionId, *, user: UserId) -> list[ImageId] | None:
        """Delete a conversation with its messages; return the chat images that no other one refers to.

        None when *user* has no such conversation.
        """

    async def forget_owner(self, user: UserId) -> None:
        """Delete all conversations of *user*."""

    async def find_owner(self, image: ImageId) -> UserId | None:
        """Return whose chat image that is."""

    async def flaws(self, limit: int) -> list[Flaw]:
        """Return what does not fit together between conversations and images, up to *limit* of it."""

    async def unused_images(self, *, before: datetime, limit: int) -> list[tuple[UserId, ImageId]]:
        """Return up to *limit* chat images, made before *before* and not deleted, that no message refers to.

        A process that dies between storing a picture and `begin`, or after `delete_session`, leaves these.
        """

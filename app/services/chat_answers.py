"""One answer while it is being said.

Listening to the model is a task of its own, which ends by itself or by being cut; neither needs a reader.  What has
become of the answer is judged once that task has ended, and only then: whatever comes at the same time, one thing wins.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.answers import Done, Failed, Started
from app.domain.chat_models import Finished, Piece, Said
from app.domain.conversations import MessageStatus
from app.domain.errors import AppError, ModelFailed, Overloaded
from app.domain.ids import StreamId, UserId
from app.services.errands import Errands
from app.services.transcript import Transcript

log = logging.getLogger(__name__)

KEPT_EVERY_SECONDS = 1.0
INTERRUPTED = "interrupted"
STOPPED = "stopped"

_LENGTH = "length"
_RETRY_AFTER_SECONDS = 5


class Cut(StrEnum):
    """Why an answer ends before its model has finished."""

    STOPPED = STOPPED
    """Whoever asked wants no more of it, or has left."""
    INTERRUPTED = INTERRUPTED
    """This process ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an answer ended: as it is kept, and as it is told."""

    status: MessageStatus
    told: Done | Failed
    counters: Mapping[str, int] = field(default_factory=dict)

    @property
    def error_code(self) -> str | None:
        return self.told.code if isinstance(self.told, Failed) else None


class Answer:
    """*pieces* asks the model; *on_first* is called at the first piece of text."""

    def __init__(
        self,
        *,
        begun: Started,
        user: UserId,
        model: str,
        transcript: Transcript,
        pieces: Callable[[], AsyncGenerator[Piece, None]],
        on_first: Callable[[], object],
    ) -> None:
        self.begun = begun
        self.user = user
        self.transcript = transcript
        self.is_recorded = False
        """Whether its row is there."""
        self.readers = 1
        """How many listen here."""
        self.followed_at = float("-inf")
        """When another process said last that it has a reader."""
        self._model = model
        self._pieces = pieces
        self._on_first = on_first
        self._listening: asyncio.Task[None] | None = None
        self._word = asyncio.Event()
        self._finished: Finished | None = None
        self._cut: Cut | None = None
        self._kept = 0
        self._kept_at = float("-inf")

    @property
    def stream(self) -> StreamId:
        return self.begun.stream

    def listen(self, errands: Errands) -> None:
        """Ask the model."""
        self._listening = errands.begin(self._listen(), name=f"answer {self.stream}")
        self._listening.add_done_callback(lambda _: self._word.set())

    async def first_word(self, *, seconds: float) -> None:
        """Wait until the model is at work, at most *seconds*; raise what it refuses with until then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._word.wait()
        if self._cut is not None:
            raise Overloaded("The service is shutting down.", retry_after=_RETRY_AFTER_SECONDS)
        if self._listening is not None and self._listening.done():
            # What broke off after its first piece is an answer that failed, not one that never was.
            failure = self._listening.exception()
            if failure is not None and not self.transcript.length:
                raise failure

    def cut(self, why: Cut) -> None:
        """Have the model stop; what was said until now is all.  An answer that has ended stays as it ended."""
        if self._listening is not None and not self._listening.done() and self._cut is None:
            self._cut = why
            self._listening.cancel()

    def find_news(self, now: float) -> str | None:
        """Return all that was said, if there is more of it than a second ago."""
        if self.transcript.length == self._kept or now - self._kept_at < KEPT_EVERY_SECONDS:
            return None
        self._kept, self._kept_at = self.transcript.length, now
        return self.transcript.text

    async def outcome(self) -> Outcome:
        """Return how it ended, once it has."""
        if self._listening is None:
            raise RuntimeError("nobody listens to the model")
        await asyncio.wait({self._listening})
        if self._finished is not None:
            return self._complete(self._finished)
        if self._cut is Cut.STOPPED:
            return Outcome(status=MessageStatus.STOPPED, told=self.done(STOPPED))
        if self._cut is Cut.INTERRUPTED or self._listening.cancelled():
            return _failed(INTERRUPTED, "The service was shut down in the middle of the answer.", is_retryable=True)
        match self._listening.exception():
            case AppError() as refusal:
                return _failed(refusal.code, refusal.detail, is_retryable=refusal.retryable)
            case None:
                return _failed(ModelFailed.code, "The model broke off.", is_retryable=ModelFailed.retryable)
            case _:
                return _failed(AppError.code, "Something went wrong on our side.", is_retryable=False)

    def done(self, reason: str | None, counters: Mapping[str, int] | None = None) -> Done:
        return Done(
            content_length=self.transcript.length, model=self._model, reason=reason, counters=dict(counters or {})
        )

    def _complete(self, finished: Finished) -> Outcome:
        told = self.done(finished.reason, finished.counters)
        return Outcome(status=MessageStatus.COMPLETE, told=told, counters=finished.counters)

    async def _listen(self) -> None:
        async with aclosing(self._pieces()) as pieces:
            async for piece in pieces:
                self._hear(piece)
                self._word.set()
                if self._finished is not None:
                    return

    def _hear(self, piece: Piece) -> None:
        match piece:
            case Said(text):
                if not self.transcript.length:
                    self._on_first()
                self.transcript.say(text)
                if self.transcript.is_full:
                    self._finished = Finished(_LENGTH)
            case Finished():
                self._finished = piece
            case _:
                pass


def _failed(code: str, detail: str, *, is_retryable: bool) -> Outcome:
    told = Failed(code=code, detail=detail, retryable=is_retryable)
    return Outcome(status=MessageStatus.FAILED, told=told)

"""Questions about pictures, answered by a model as it speaks.

A question leaves no trace until its model is at work, or a second has passed: until then whatever is refused is
refused as any request is.  From then on question and answer are rows, and what becomes of the answer is an event.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from app.domain.access import Caller
from app.domain.answers import Event, Started
from app.domain.catalog import IdempotencyKey, Repetitions
from app.domain.conversations import Conversations, MessageStatus, NewTurn
from app.domain.errors import NotFound
from app.domain.ids import IdFactory, ImageId, StreamId, UserId
from app.domain.metrics import Metrics
from app.domain.ports import Clock, Monotonic
from app.services.answering import Answers
from app.services.chat_answers import Answer
from app.services.chat_pictures import ChatPictures
from app.services.errands import Errands
from app.services.questions import Plan, Question, Questions
from app.services.replaying import Replays
from app.services.transcript import Transcript
from app.services.uploads import Incoming

__all__ = ["ChatService", "ChatTerms", "Question", "Saying"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTerms:
    """*hold_back* is how long a refusal may still be an ordinary one; *max_answer* is in characters."""

    max_answer: int
    hold_back: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What comes from outside: time and new names."""

    ids: IdFactory
    clock: Clock
    monotonic: Monotonic


async def _nothing() -> None:
    """There is nobody who would notice."""


class Saying:
    """An answer and one of its readers.  When the last one leaves the block before the end, the model stops."""

    def __init__(self, events: AsyncIterator[Event], leave: Callable[[], Awaitable[None]] = _nothing) -> None:
        self._events = events
        self._leave = leave

    def events(self) -> AsyncIterator[Event]:
        """Return the events, `Started` first."""
        return self._events

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()


class _Repeated(Exception):
    """The same request came twice at once, and the other one was first.  No caller ever sees this."""

    def __init__(self, stream: StreamId) -> None:
        super().__init__()
        self.stream = stream


class ChatService:
    """*tell* passes on to other processes what is to stop; *on_pictures* is told of new ones once they are kept."""

    def __init__(  # noqa: PLR0913 - a service lists what it needs
        self,
        *,
        conversations: Conversations,
        repetitions: Repetitions,
        questions: Questions,
        pictures: ChatPictures,
        answers: Answers,
        replays: Replays,
        errands: Errands,
        metrics: Metrics,
        outside: Outside,
        terms: ChatTerms,
        tell: Callable[[str], object],
        on_pictures: Callable[[UserId, Sequence[ImageId]], Coroutine[Any, Any, None]],
    ) -> None:
        self._conversations = conversations
        self._repetitions = repetitions
        self._questions = questions
        self._pictures = pictures
        self._answers = answers
        self._replays = replays
        self._errands = errands
        self._metrics = metrics
        self._outside = outside
        self._terms = terms
        self._tell = tell
        self._on_pictures = on_pictures

    def receive(self, announced: int | None) -> AbstractAsyncContextManager[Incoming]:
        """Begin to receive a picture of about *announced* bytes, for `GivenFile`.

        Raise `PicturesDisabled`, `StorageFull` or `StorageUnavailable`; writing to it also `TooLarge`.  Each of these
        can be handed on as `GivenUp`: it need not be the end of the question.
        """
        return self._pictures.receive(announced)

    async def ask(self, question: Question, *, idempotency_key: IdempotencyKey | None = None) -> Saying:
        """Return the answer once it may be told; a repeated request is told the one it got before.

        Raise `NotFound` (the conversation, or whoever asked was erased meanwhile), `ProviderNotConfigured`,
        `ModelNotFound`, `ModelUnavailable`, `ModelFailed`, `VisionUnsupported`, `PicturesDisabled`, `Overloaded`,
        `IdempotencyKeyReused`, or what pictures were refused with where nothing else is left.  Then nothing of the
        question is kept.
        """
        asked_at, began = question.asked_at(self._outside.clock()), self._outside.monotonic()
        known = await self._find_known(question.user, idempotency_key)
        if known is not None:
            return await self._again(known)
        self._answers.require_open()
        try:
            async with self._questions.plan(question, asked_at=asked_at) as plan:
                return await self._say(plan, began, idempotency_key)
        except _Repeated as repeated:
            return await self._again(repeated.stream)

    async def stop(self, stream: StreamId, *, by: Caller) -> None:
        """Have an answer stop, wherever it is said; one that has ended stays as it is.  Raise `NotFound`."""
        answer = self._answers.find(stream)
        if answer is None:
            await self._stop_elsewhere(stream, by)
        else:
            by.require(answer.user)
            self._answers.hear(str(stream))

    async def _stop_elsewhere(self, stream: StreamId, by: Caller) -> None:
        found = await self._conversations.find_answer(stream)
        if found is None:
            raise NotFound("There is no such answer.")
        owner, answer = found
        by.require(owner)
        if answer.status is MessageStatus.STREAMING:
            # The row is what counts: whoever misses the message looks at it twice a second.
            await self._conversations.ask_to_stop(stream, at=self._outside.clock())
            self._tell(str(stream))

    async def _again(self, stream: StreamId) -> Saying:
        answer = self._answers.join(stream)
        return Saying(await self._replays.tell(stream)) if answer is None else self._saying(answer)

    def _saying(self, answer: Answer) -> Saying:
        return Saying(answer.transcript.events(), lambda: self._answers.leave(answer))

    async def _find_known(self, user: UserId, key: IdempotencyKey | None) -> StreamId | None:
        known = None if key is None else await self._repetitions.find(user, key)
        return None if known is None else StreamId(known)

    async def _say(self, plan: Plan, began: float, key: IdempotencyKey | None) -> Saying:
        answer = self._answer(plan, began)
        self._answers.begin(answer)
        try:
            await answer.first_word(seconds=self._terms.hold_back.total_seconds())
            stream = await self._recorded(answer, plan, key)
        except BaseException:
            self._answers.drop(answer)
            raise
        if stream != answer.stream:
            self._answers.drop(answer)
            raise _Repeated(stream)
        return self._saying(answer)

    def _answer(self, plan: Plan, began: float) -> Answer:
        ids, question = self._outside.ids, plan.question
        begun = Started(stream=ids.stream(), session=question.session or ids.session(), message=ids.message())
        transcript = Transcript(begun, plan.warnings, max_chars=self._terms.max_answer)
        return Answer(
            begun=begun,
            user=question.user,
            model=plan.choice.model,
            transcript=transcript,
            pieces=lambda: self._questions.pieces(plan, transcript),
            on_first=lambda: self._metrics.first_token(self._outside.monotonic() - began),
        )

    async def _recorded(self, answer: Answer, plan: Plan, key: IdempotencyKey | None) -> StreamId:
        """Return the stream under which the question is answered, its rows being there.

        What was begun is brought to its end even if the reader leaves meanwhile: else a row could say for ever that it
        is being said.
        """
        recording = self._errands.begin(self._record(answer, plan, key), name=f"beginning {answer.stream}")
        try:
            return await asyncio.shield(recording)
        except asyncio.CancelledError:
            await asyncio.wait({recording})  # whether the pictures belong to a message depends on it
            raise

    async def _record(self, answer: Answer, plan: Plan, key: IdempotencyKey | None) -> StreamId:
        stream = await self._conversations.begin(self._turn(answer, plan), idempotency_key=key)
        if stream == answer.stream:
            plan.taken.is_kept = True
            self._answers.record(answer)
            if plan.taken.new:
                self._metrics.pictures_taken(len(plan.taken.new))
                images = [image.id for image in plan.taken.images]
                _ = self._errands.begin(self._on_pictures(answer.user, images), name="pictures of a chat")
        return stream

    def _turn(self, answer: Answer, plan: Plan) -> NewTurn:
        question = plan.question
        return NewTurn(
            user=question.user,
            session=answer.begun.session,
            is_new_session=question.session is None,
            title=question.title,
            question=self._outside.ids.message(),
            content=question.text,
            images=[image.id for image in plan.taken.images],
            answer=answer.begun.message,
            stream=answer.stream,
            model=plan.choice.model,
            owner=self._answers.owner,
            asked_at=plan.asked_at,
            at=self._outside.clock(),
        )

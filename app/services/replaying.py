"""An answer told again, from its row: what a repeated question gets, wherever the first is being answered."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from app.domain.answers import Done, Event, Failed, Started, Token
from app.domain.conversations import Conversations, Message, MessageStatus
from app.domain.errors import AppError, NotFound
from app.domain.ids import StreamId
from app.services.chat_answers import INTERRUPTED, KEPT_EVERY_SECONDS, STOPPED

Sleep = Callable[[float], Awaitable[object]]


class Replays:
    """Once *is_stopping*, nobody waits for what is still to come.  *tell* says that an answer has a reader here."""

    def __init__(
        self,
        *,
        conversations: Conversations,
        is_stopping: Callable[[], bool],
        tell: Callable[[str], object],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._conversations = conversations
        self._is_stopping = is_stopping
        self._tell = tell
        self._sleep = sleep

    async def tell(self, stream: StreamId) -> AsyncIterator[Event]:
        """Return the events of an answer, those to come included; raise `NotFound` if it was deleted since."""
        found = await self._conversations.find_answer(stream)
        if found is None:
            raise NotFound("That question was asked before, and its conversation has been deleted since.")
        self._tell(str(stream))
        return self._events(stream, found[1])

    async def _events(self, stream: StreamId, answer: Message) -> AsyncIterator[Event]:
        yield Started(stream=stream, session=answer.session, message=answer.id)
        told = 0
        while True:
            if len(answer.content) > told:
                yield Token(answer.content[told:])
                told = len(answer.content)
            if answer.status is not MessageStatus.STREAMING:
                yield _ending(answer)
                return
            if self._is_stopping():
                yield _failed(INTERRUPTED, "The service is shutting down.", is_retryable=True)
                return
            self._tell(str(stream))
            await self._sleep(KEPT_EVERY_SECONDS)
            try:
                found = await self._conversations.find_answer(stream)
            except AppError as refusal:
                yield _failed(refusal.code, refusal.detail, is_retryable=refusal.retryable)
                return
            if found is None:
                yield _failed(INTERRUPTED, "The conversation was deleted meanwhile.", is_retryable=False)
                return
            answer = found[1]


def _ending(answer: Message) -> Done | Failed:
    if answer.status is MessageStatus.FAILED:
        return _failed(answer.error_code or AppError.code, "The answer ended early.", is_retryable=False)
    reason = STOPPED if answer.status is MessageStatus.STOPPED else None
    length = len(answer.content)
    return Done(content_length=length, model=answer.model or "", reason=reason, counters=answer.counters)


def _failed(code: str, detail: str, *, is_retryable: bool) -> Failed:
    return Failed(code=code, detail=detail, retryable=is_retryable)

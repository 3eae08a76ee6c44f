"""The answers this process is saying: kept as they come, stopped when their rows say so, ended as they end."""

import asyncio
import logging
from datetime import timedelta

from app.domain.answers import Done, Failed
from app.domain.conversations import Conversations, Ending, MessageStatus
from app.domain.errors import AppError, Overloaded
from app.domain.ids import MessageId, SessionId, StreamId, UserId
from app.domain.metrics import Metrics
from app.domain.ports import Clock, Monotonic
from app.services.chat_answers import INTERRUPTED, STOPPED, Answer, Cut, Outcome
from app.services.errands import Errands

log = logging.getLogger(__name__)

_BELIEVED_SECONDS = 2.0
_ENDING_SECONDS = 2.0
_RETRY_AFTER_SECONDS = 5


class Answers:
    """Call `look` about twice a second.  *owner* is this process' name in the rows of what it says."""

    def __init__(
        self,
        *,
        conversations: Conversations,
        errands: Errands,
        metrics: Metrics,
        owner: str,
        clock: Clock,
        monotonic: Monotonic,
    ) -> None:
        self.owner = owner
        self._conversations = conversations
        self._errands = errands
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._under_way: dict[StreamId, Answer] = {}
        self._endings: dict[StreamId, asyncio.Task[None]] = {}
        self._owed: dict[MessageId, Ending] = {}
        self._is_stopping = False

    @property
    def is_stopping(self) -> bool:
        return self._is_stopping

    def require_open(self) -> None:
        """Raise `Overloaded` once no more is begun here."""
        if self._is_stopping:
            raise Overloaded("The service is shutting down.", retry_after=_RETRY_AFTER_SECONDS)

    def begin(self, answer: Answer) -> None:
        """Ask the model.  Nothing is kept of the answer before it is recorded."""
        self.require_open()
        self._under_way[answer.stream] = answer
        answer.listen(self._errands)

    def record(self, answer: Answer) -> None:
        """See to it that the row of *answer*, which is there now, says what becomes of it."""
        answer.is_recorded = True
        self._under_way[answer.stream] = answer  # whoever asked may have left just now
        self._metrics.answer_begun()
        ending = self._errands.begin(self._see_off(answer), name=f"ending {answer.stream}")
        self._endings[answer.stream] = ending

    def drop(self, answer: Answer) -> None:
        """Have the model stop; an answer that is not recorded never was."""
        answer.cut(Cut.STOPPED)
        if not answer.is_recorded:
            self._under_way.pop(answer.stream, None)

    def find(self, stream: StreamId) -> Answer | None:
        """Return an answer that is being said here."""
        answer = self._under_way.get(stream)
        return answer if answer is not None and answer.is_recorded else None

    async def leave(self, answer: Answer) -> None:
        """Stop an answer whose last reader has left, and return when its row says so."""
        answer.readers -= 1
        if self._is_heard(answer):
            return
        answer.cut(Cut.INTERRUPTED if self._is_stopping else Cut.STOPPED)
        if answer.stream in self._endings:
            await asyncio.shield(self._endings[answer.stream])

    def join(self, stream: StreamId) -> Answer | None:
        """Return an answer that is being said here, which has one more reader from now on."""
        answer = self.find(stream)
        if answer is not None:
            answer.readers += 1
        return answer

    def hear_reader(self, name: str) -> None:
        """Take it that somebody elsewhere reads the answer of that *name* for the next two seconds."""
        for answer in self._recorded():
            if name == str(answer.stream):
                answer.followed_at = self._monotonic()

    def _is_heard(self, answer: Answer) -> bool:
        return answer.readers > 0 or self._monotonic() - answer.followed_at < _BELIEVED_SECONDS

    async def stop_session(self, session: SessionId) -> None:
        """Stop what is said in *session*, and return when the rows say so, or after a moment."""
        self.hear(str(session))
        streams = [answer.stream for answer in self._under_way.values() if answer.begun.session == session]
        endings = {self._endings[stream] for stream in streams if stream in self._endings}
        if endings:
            await asyncio.wait(endings, timeout=_ENDING_SECONDS)

    def hear(self, name: str) -> None:
        """Stop the answer, or all answers of the session, of that *name*, if any is said here."""
        for answer in self._recorded():
            if name in {str(answer.stream), str(answer.begun.session)}:
                answer.cut(Cut.STOPPED)

    def stop_of(self, user: UserId) -> None:
        """Stop all that is said to *user* here."""
        for answer in self._recorded():
            if answer.user == user:
                answer.cut(Cut.STOPPED)

    async def look(self) -> None:
        """Stop what is to stop, write down what was said since, and what could not be written before."""
        answers = self._recorded()
        if answers:
            stopped = await self._conversations.asked_to_stop([answer.stream for answer in answers])
            for answer in answers:
                if answer.stream in stopped or not self._is_heard(answer):
                    answer.cut(Cut.STOPPED)
                else:
                    await self._keep(answer)
        for message, ending in list(self._owed.items()):
            await self._conversations.end(message, owner=self.owner, ending=ending)
            del self._owed[message]

    async def stop(self, grace: timedelta) -> None:
        """Begin no more; let what is being said end within *grace*, and end the rest as interrupted."""
        self._is_stopping = True
        if self._endings:
            await asyncio.wait(set(self._endings.values()), timeout=grace.total_seconds())
        for answer in list(self._under_way.values()):
            answer.cut(Cut.INTERRUPTED)
        await self._errands.finish(seconds=_ENDING_SECONDS)

    def _recorded(self) -> list[Answer]:
        return [answer for answer in self._under_way.values() if answer.is_recorded]

    async def _keep(self, answer: Answer) -> None:
        text = answer.find_news(self._monotonic())
        if text is None:
            return
        if not await self._conversations.keep(answer.begun.message, owner=self.owner, content=text):
            # Its conversation is gone, or somebody took us for dead.
            answer.cut(Cut.STOPPED)

    async def _see_off(self, answer: Answer) -> None:
        told = await self._end(answer, await answer.outcome())
        answer.transcript.close(told)
        del self._under_way[answer.stream], self._endings[answer.stream]
        self._metrics.answer_ended(_status_of(told))
        how = told.code if isinstance(told, Failed) else told.reason
        log.info("answer ended", extra=_named(answer) | {"reason": how, "characters": answer.transcript.length})

    async def _end(self, answer: Answer, outcome: Outcome) -> Done | Failed:
        """Write down how *answer* ended; return what its reader is told."""
        ending = Ending(
            status=outcome.status,
            content=answer.transcript.text,
            at=self._clock(),
            error_code=outcome.error_code,
            counters=outcome.counters,
        )
        try:
            if await self._conversations.end(answer.begun.message, owner=self.owner, ending=ending):
                return outcome.told
        except Exception as failure:
            # Whatever it is, the reader must hear the end.
            log.warning("an answer's end could not be kept", exc_info=failure, extra=_named(answer))
            self._owed[answer.begun.message] = ending
            refused = failure if isinstance(failure, AppError) else AppError("")
            return Failed(code=refused.code, detail="The answer could not be kept.", retryable=refused.retryable)
        if outcome.status is MessageStatus.STOPPED:
            return outcome.told
        return Failed(code=INTERRUPTED, detail="The conversation was deleted meanwhile.", retryable=False)


def _status_of(told: Done | Failed) -> MessageStatus:
    if isinstance(told, Failed):
        return MessageStatus.FAILED
    return MessageStatus.STOPPED if told.reason == STOPPED else MessageStatus.COMPLETE


def _named(answer: Answer) -> dict[str, object]:
    return {"user_id": str(answer.user), "session_id": str(answer.begun.session), "stream_id": str(answer.stream)}

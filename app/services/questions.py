"""What is asked, of which model, about which pictures, and after what: settled before anybody is asked."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from app.domain.answers import Warned
from app.domain.chat_models import ChatModels, ChatOrder, Piece, Turn
from app.domain.conversations import Conversations, Message, Role
from app.domain.errors import AppError, ModelNotFound, NotFound, PicturesDisabled
from app.domain.ids import SessionId, UserId
from app.services.chat_history import Memory, joined, recalled, remembered, shows_pictures
from app.services.chat_pictures import FIELD, ChatPictures, GivenFile, Picture, Taken
from app.services.transcript import Transcript
from app.services.turns import Turns
from app.services.vision import Choice, Vision

_LONGEST_TITLE = 80
_NO_TEXT = "A picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What *user* asks, with text or pictures; *session* is None at the beginning of a conversation."""

    user: UserId
    text: str
    model: str | None = None
    session: SessionId | None = None
    pictures: Sequence[Picture] = ()

    @property
    def has_text(self) -> bool:
        return bool(self.text.strip())

    @property
    def title(self) -> str:
        return " ".join(self.text.split())[:_LONGEST_TITLE] or _NO_TEXT

    def asked_at(self, now: datetime) -> datetime:
        """Return when it was asked, if it is all there *now*: its files may have taken a while to arrive."""
        return min([now, *(each.incoming.began for each in self.pictures if isinstance(each, GivenFile))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A question that can be asked: who answers, what is left of its pictures, and what went before."""

    question: Question
    asked_at: datetime
    choice: Choice
    taken: Taken
    warnings: Sequence[Warned]
    earlier: Sequence[Message]


class Questions:
    def __init__(
        self,
        *,
        conversations: Conversations,
        models: ChatModels,
        vision: Vision,
        pictures: ChatPictures,
        turns: Turns,
        memory: Memory,
    ) -> None:
        self._conversations = conversations
        self._models = models
        self._vision = vision
        self._pictures = pictures
        self._turns = turns
        self._memory = memory

    @asynccontextmanager
    async def plan(self, question: Question, *, asked_at: datetime) -> AsyncIterator[Plan]:
        """Settle what is asked; if the block fails, pictures that are new go again, unless they are kept.

        What can be refused without them is refused before a picture is taken in.
        """
        earlier = await self._earlier(question)
        offered = question.pictures if self._pictures.is_enabled else ()
        await self._choose(question, earlier, has_pictures=bool(offered))
        self._turns.require_room()
        async with self._pictures.taking(offered, user=question.user, asked_at=asked_at) as taken:
            left_out = self._judge(question, taken)
            # Once more, from memory: if no picture is left, nobody needs to see.
            choice = await self._choose(question, earlier, has_pictures=bool(taken.images))
            warnings = [*left_out, *choice.warnings]
            yield Plan(
                question=question,
                asked_at=asked_at,
                choice=choice,
                taken=taken,
                warnings=warnings,
                earlier=earlier,
            )

    async def pieces(self, plan: Plan, transcript: Transcript) -> AsyncGenerator[Piece, None]:
        """Yield the model's answer once it is its turn; raise as `ChatModels.answer` does, or `Overloaded`.

        Pictures are shown then, not before: those of all who wait would fill the memory.
        """
        async with self._turns.turn():
            order = await self._order(plan, transcript)
            try:
                async with aclosing(self._models.answer(order)) as pieces:
                    async for piece in pieces:
                        yield piece
            except ModelNotFound:
                self._vision.forget(order.model)
                raise

    async def _choose(self, question: Question, earlier: Sequence[Message], *, has_pictures: bool) -> Choice:
        return await self._vision.choose(
            question.model,
            has_pictures=has_pictures,
            has_text=question.has_text,
            has_earlier=shows_pictures(earlier, self._memory),
        )

    async def _earlier(self, question: Question) -> Sequence[Message]:
        """Return what the model is reminded of; raise `NotFound` for a conversation of somebody else."""
        if question.session is None:
            return ()
        session = await self._conversations.find_session(question.session)
        if session is None or session.user != question.user:
            raise NotFound("There is no such conversation.", field="session_id")
        most = self._memory.messages
        latest = await self._conversations.latest(session.id, limit=most) if most else ()
        return remembered(latest, self._memory)

    def _judge(self, question: Question, taken: Taken) -> list[Warned]:
        """Return what is left out of the question; raise why, when nothing of it is left."""
        refusals = taken.refusals
        if question.pictures and not self._pictures.is_enabled:
            refusals = [PicturesDisabled("No pictures are taken in chats here.", field=FIELD)]
        if refusals and not taken.images and not question.has_text:
            raise refusals[0]
        return [_left_out(refusal) for refusal in refusals]

    async def _order(self, plan: Plan, transcript: Transcript) -> ChatOrder:
        sees, question = plan.choice.sees, plan.question
        shown = await self._shown(plan, transcript) if sees else []
        pictures = self._memory.pictures if sees else 0
        earlier = await recalled(plan.earlier, pictures=pictures, show=self._pictures.show)
        asked = Turn(role=Role.USER, content=question.text, pictures=shown)
        return ChatOrder(model=plan.choice.model, turns=joined([*earlier, asked]))

    async def _shown(self, plan: Plan, transcript: Transcript) -> list[bytes]:
        """Return the question's pictures as far as they can be shown; raise why not, when nothing else was asked."""
        shown: list[bytes] = []
        refusals: list[AppError] = []
        for image in plan.taken.images:
            try:
                shown.append(await self._pictures.show(image))
            except AppError as refusal:
                refusals.append(refusal)
        if refusals and not shown and not plan.question.has_text:
            raise refusals[0]
        for left_out in refusals:
            transcript.warn(_left_out(left_out))
        return shown


def _left_out(refusal: AppError) -> Warned:
    return Warned(code=refusal.code, detail=f"A picture is left out: {refusal.detail}")

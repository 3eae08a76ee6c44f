"""Conversations: listed, read, deleted."""

import logging
from collections.abc import Callable

from app.domain.access import Caller
from app.domain.conversations import Conversations, Message, Session, SessionPosition
from app.domain.errors import AppError, NotFound
from app.domain.ids import ImageId, SessionId, UserId
from app.services.answering import Answers
from app.services.hosting import HostingService

log = logging.getLogger(__name__)


class SessionService:
    """*tell* passes on to other processes which conversation's answers are to stop."""

    def __init__(
        self,
        *,
        conversations: Conversations,
        hosting: HostingService,
        answers: Answers,
        tell: Callable[[str], object],
    ) -> None:
        self._conversations = conversations
        self._hosting = hosting
        self._answers = answers
        self._tell = tell

    async def page(
        self, user: UserId, *, after: SessionPosition | None, limit: int
    ) -> tuple[list[Session], SessionPosition | None]:
        """Return up to *limit* conversations, the latest first, and the position the next page begins after."""
        found = await self._conversations.sessions(user, after=after, limit=limit + 1)
        page = found[:limit]
        is_more = len(found) > limit
        return page, SessionPosition(page[-1].updated_at, page[-1].id) if is_more else None

    async def get(self, session: SessionId, *, by: Caller) -> Session:
        """Return a conversation; raise `NotFound`."""
        found = await self._conversations.find_session(session)
        if found is None or not by.may_act_for(found.user):
            raise _not_there()
        return found

    async def messages(
        self, session: SessionId, *, by: Caller, after: int | None, limit: int, is_newest_first: bool = False
    ) -> tuple[list[Message], int | None]:
        """Return up to *limit* messages of a conversation, in order, and the number the next page begins after.

        Raise `NotFound`.
        """
        await self.get(session, by=by)
        if is_newest_first:
            found = (await self._conversations.latest(session, limit=limit + 1, before=after))[::-1]
        else:
            found = await self._conversations.messages(session, after=after or 0, limit=limit + 1)
        page = found[:limit]
        return page, page[-1].number if len(found) > limit else None

    async def delete(self, session: SessionId, *, by: Caller) -> None:
        """Delete a conversation, stop what is said in it, and delete pictures that nothing else refers to.

        Raise `NotFound`, or what deleting a picture raises: the conversation is gone then, and so are the others.
        """
        known = await self.get(session, by=by)
        await self._answers.stop_session(session)
        images = await self._conversations.delete_session(session, user=known.user)
        self._tell(str(session))
        if images is None:
            raise _not_there()
        await self._delete(images, known.user)

    async def _delete(self, images: list[ImageId], user: UserId) -> None:
        refusals: list[AppError] = []
        for image in images:
            try:
                await self._hosting.delete(user, image, reason="session_deleted")
            except AppError as refusal:
                log.warning(
                    "a picture of a deleted conversation is left",
                    extra={"user_id": str(user), "image_id": str(image), "error": refusal.code},
                )
                refusals.append(refusal)
        if refusals:
            raise refusals[0]


def _not_there() -> NotFound:
    return NotFound("There is no such conversation.")

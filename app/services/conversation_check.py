"""Holds conversations and images against each other."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.domain.conversations import Conversations, Flaw
from app.domain.ids import ImageId, UserId
from app.domain.ports import Clock
from app.domain.recovery import YOUNG

log = logging.getLogger(__name__)

UNUSED = "unused_picture"
_MOST = 1000


@dataclass(frozen=True, slots=True)
class ConversationReport:
    """What was found, and how much of it was put right."""

    flaws: Sequence[Flaw]
    repaired: int

    @property
    def is_clean(self) -> bool:
        return len(self.flaws) == self.repaired


class ConversationCheck:
    """*delete* removes an image, row and file."""

    def __init__(
        self, *, conversations: Conversations, delete: Callable[[UserId, ImageId], Awaitable[None]], clock: Clock
    ) -> None:
        self._conversations = conversations
        self._delete = delete
        self._clock = clock

    async def run(self, *, repair: bool = False) -> ConversationReport:
        """Find what does not fit together, up to a thousand unused pictures and as much of all else.

        With *repair* the pictures of chats that no message refers to are deleted: whoever died over a question that was
        never asked, or over the deletion of a conversation, left them.  All else is for a person to judge.
        """
        flaws = await self._conversations.flaws(_MOST)
        for flaw in flaws:
            log.error("found %s", flaw.what, extra={"where": flaw.where})
        unused = await self._conversations.unused_images(before=self._clock() - YOUNG, limit=_MOST)
        for user, image in unused:
            log.info("found %s", UNUSED, extra={"user_id": str(user), "image_id": str(image)})
            if repair:
                await self._delete(user, image)
        flaws += [Flaw(what=UNUSED, where=f"{user}/{image}") for user, image in unused]
        return ConversationReport(flaws, repaired=len(unused) if repair else 0)

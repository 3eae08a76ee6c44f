"""Erasing an owner: what was said goes, and every image becomes a tombstone that says nothing of what it was."""

from app.domain.catalog import ImageCatalog
from app.domain.conversations import Conversations
from app.domain.ids import UserId
from app.domain.ports import Clock
from app.services.hosting import HostingService
from app.services.temporary import TemporaryImages

_AT_ONCE = 100


class EraseService:
    def __init__(
        self,
        *,
        images: ImageCatalog,
        conversations: Conversations,
        hosting: HostingService,
        temporary: TemporaryImages,
        clock: Clock,
    ) -> None:
        self._images = images
        self._conversations = conversations
        self._hosting = hosting
        self._temporary = temporary
        self._clock = clock

    async def erase(self, user: UserId) -> None:
        """Delete all conversations and images of *user*, those still being captured included; twice is fine.

        What a provider says later of a job created before brings nothing back.
        """
        # First, so that no news adds images behind us; last, for the traces of what went and what was begun meanwhile.
        await self._forget(user)
        while page := await self._images.page(user, after=None, limit=_AT_ONCE):
            for image in page:
                await self._hosting.delete(user, image.id, reason="user_erased")
        await self._temporary.delete_of(user)
        await self._forget(user)

    async def _forget(self, user: UserId) -> None:
        # An answer that is being said ends with its conversation.
        await self._conversations.forget_owner(user)
        await self._images.forget_owner(user, at=self._clock())

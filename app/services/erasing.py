"""Erasing an owner: what was said goes, and every image becomes a tombstone that says nothing of what it was."""

from collections.abc import Callable

from app.domain.catalog import ImageCatalog
from app.domain.conversations import Conversations
from app.domain.ids import UserId
from app.domain.ports import Clock
from app.services.hosting import HostingService
from app.services.temporary import TemporaryImages

_AT_ONCE = 100


class EraseService:
    """*stop* ends the answers that this process is saying to an owner; others miss the rows of theirs."""

    def __init__(
        self,
        *,
        images: ImageCatalog,
        conversations: Conversations,
        hosting: HostingService,
        temporary: TemporaryImages,
        clock: Clock,
        stop: Callable[[UserId], object],
    ) -> None:
        self._images = images
        self._conversations = conversations
        self._hosting = hosting
        self._temporary = temporary
        self._clock = clock
        self._stop = stop

    async def erase(self, user: UserId) -> None:
        """Delete all conversations and images of *user*, those still being captured included; twice is fine.

        Nothing that began before brings anything back: no question under way, no upload, and no news of a job.
        """
        await self._forget(user)
        while await self._delete_images(user):
            # For the traces of what went, and for what was written down between a look and the next.
            await self._forget(user)
        await self._temporary.delete_of(user)

    async def _forget(self, user: UserId) -> None:
        # The time first: from then on nothing older is recorded, so that whatever is there can be seen, and goes.
        await self._images.forget_owner(user, at=self._clock())
        await self._conversations.forget_owner(user)
        self._stop(user)

    async def _delete_images(self, user: UserId) -> bool:
        """Return whether there were any."""
        found = False
        while page := await self._images.page(user, after=None, limit=_AT_ONCE):
            found = True
            for image in page:
                await self._hosting.delete(user, image.id, reason="user_erased")
        return found

"""The pictures of chats: known by their ids alone, and nobody's but their owners'."""

from app.domain.access import Caller
from app.domain.conversations import Conversations
from app.domain.errors import ImageDeleted, NotFound
from app.domain.ids import ImageId, UserId
from app.services.hosting import HostingService


class ChatImages:
    def __init__(self, *, hosting: HostingService, conversations: Conversations) -> None:
        self._hosting = hosting
        self._conversations = conversations

    async def get_owner(self, image: ImageId, *, by: Caller) -> UserId:
        """Return whose picture that is; raise `NotFound` unless it is a chat's, and *by* may read it."""
        owner = await self._conversations.find_owner(image)
        if owner is None or not by.may_act_for(owner):
            raise NotFound("There is no such image.")
        return owner

    async def delete(self, image: ImageId, *, by: Caller) -> None:
        """Delete a picture; one that is not there, or not the caller's, is left as it is."""
        try:
            owner = await self.get_owner(image, by=by)
            await self._hosting.get(owner, image)
        except (NotFound, ImageDeleted):
            return
        await self._hosting.delete(owner, image)

"""The pictures of a question: taken in like all uploads, and shown to models as they take them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain import data_urls
from app.domain.errors import (
    AppError,
    ImageUnavailable,
    NotFound,
    PicturesDisabled,
    SourceRejected,
    StillCapturing,
)
from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImageStatus
from app.domain.variants import VariantKey, rendering_within
from app.services.errands import Errands
from app.services.hosting import HostingService
from app.services.uploads import Incoming, UploadService
from app.services.variants import VariantService

log = logging.getLogger(__name__)

LONGEST_SIDE = 1024
"""Pixels of a picture as models get it: more costs them their context and tells them nothing."""

FIELD = "images"
"""What a request calls its pictures."""

_RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True, slots=True)
class GivenData:
    """A picture as a data URL."""

    text: str


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A picture that was received; what its sender calls it decides nothing."""

    incoming: Incoming


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A picture that was refused while it was received."""

    refusal: AppError


Picture = ImageId | GivenData | GivenFile | GivenUp


@dataclass(slots=True)
class Taken:
    """What became of the pictures of one question; *new* are those of *images* that were not here before."""

    images: list[Image] = field(default_factory=list)
    new: list[Image] = field(default_factory=list)
    refusals: list[AppError] = field(default_factory=list)
    is_kept: bool = False
    """Whether a message has them: then they stay, whatever comes."""


class ChatPictures:
    """*uploads* keeps to what chats allow; *note* is told of each image that is shown."""

    def __init__(
        self,
        *,
        uploads: UploadService,
        hosting: HostingService,
        variants: VariantService,
        errands: Errands,
        note: Callable[[UserId, ImageId], object],
        is_enabled: bool,
    ) -> None:
        self.is_enabled = is_enabled
        self._uploads = uploads
        self._hosting = hosting
        self._variants = variants
        self._errands = errands
        self._note = note

    def receive(self, announced: int | None) -> AbstractAsyncContextManager[Incoming]:
        """Begin to receive a picture, as `UploadService.receive` does; raise also `PicturesDisabled`."""
        if not self.is_enabled:
            raise PicturesDisabled("No pictures are taken in chats here.", field=FIELD)
        return self._uploads.receive(announced)

    @asynccontextmanager
    async def taking(self, pictures: Sequence[Picture], *, user: UserId, asked_at: datetime) -> AsyncIterator[Taken]:
        """Take in what can be taken, in its order; if the block fails, what is new goes again unless it is kept.

        What was asked before *user* was erased brings no picture in any more.
        """
        taken = Taken()
        try:
            await self._to_the_end(self._take_all(_once(pictures), user, asked_at, taken))
            yield taken
        except BaseException:
            if taken.new and not taken.is_kept:
                await self._errands.see_through(self._put_back(taken.new), name="pictures put back")
            raise

    async def _to_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work*, also if the caller is cancelled: only in the end is it known what there is to put back."""
        working = self._errands.begin(work, name="pictures taken in")
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            await asyncio.wait({working})
            raise

    async def show(self, image: Image) -> bytes:
        """Return a stored image as models take it; raise what `VariantService.open` does."""
        if image.facts is None:
            raise NotFound("There is no such image.")
        rendering = rendering_within(image.facts, LONGEST_SIDE)
        variant = await self._variants.open(VariantKey.of(image, rendering))
        async with aclosing(variant.blob) as blob:
            shown = b"".join([chunk async for chunk in blob.chunks(0, blob.size)])
        self._note(image.user, image.id)
        return shown

    async def _take_all(self, pictures: Iterable[Picture], user: UserId, asked_at: datetime, taken: Taken) -> None:
        for picture in pictures:
            try:
                image = await self._take(picture, user, asked_at)
            except AppError as refusal:
                log.info("a picture is left out", extra={"user_id": str(user), "error": refusal.code})
                refusal.field = FIELD
                taken.refusals.append(refusal)
                continue
            taken.images.append(image)
            if not isinstance(picture, ImageId):
                taken.new.append(image)

    async def _take(self, picture: Picture, user: UserId, asked_at: datetime) -> Image:
        match picture:
            case ImageId():
                return await self._find(picture, user)
            case GivenData(text):
                return await self._decode(text, user, asked_at)
            case GivenFile(incoming):
                return await self._host(incoming, user)
            case GivenUp(refusal):
                raise refusal

    async def _find(self, name: ImageId, user: UserId) -> Image:
        image = await self._hosting.get(user, name)
        match image.status:
            case ImageStatus.STORED:
                return image
            case ImageStatus.CAPTURING:
                raise StillCapturing("The image is being captured.", retry_after=_RETRY_AFTER_SECONDS)
            case _:
                raise ImageUnavailable("The image has no bytes.", details={"image_status": image.status.value})

    async def _decode(self, text: str, user: UserId, asked_at: datetime) -> Image:
        found = data_urls.parse(text)
        async with self._uploads.receive(found.size, began=asked_at) as incoming:
            try:
                await data_urls.decode_into(incoming, text, start=found.start)
            except data_urls.NotBase64:
                raise SourceRejected("not_base64", "The data are not base64: RFC 4648, padded, no spaces.") from None
            return await self._host(incoming, user)

    async def _host(self, incoming: Incoming, user: UserId) -> Image:
        # Pages name the types of pictures by their files' extensions: the bytes decide.
        return await self._uploads.host(incoming, user=user, declared=None, idempotency_key=None)

    async def _put_back(self, images: Sequence[Image]) -> None:
        """Delete what was taken in for a question that was refused: whoever asks again brings it again."""
        for image in images:
            try:
                await self._hosting.delete(image.user, image.id, reason="message_refused")
            except AppError as refusal:
                named = {"user_id": str(image.user), "image_id": str(image.id)}
                log.warning("a picture of no message is left", extra=named | {"error": refusal.code})


def _once(pictures: Sequence[Picture]) -> list[Picture]:
    """Return *pictures* with no id twice; two that look the same stay two: the question may be whether they are."""
    ids = dict.fromkeys(picture for picture in pictures if isinstance(picture, ImageId))
    return [picture for picture in pictures if not isinstance(picture, ImageId) or ids.pop(picture, 0) is None]

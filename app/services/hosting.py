"""Images that are hosted: read, described, listed, deleted."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from app.domain.catalog import ImageCatalog
from app.domain.errors import ImageDeleted, ImageUnavailable, NotFound, StillCapturing, StorageUnavailable
from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImagePosition, ImageSource, ImageStatus
from app.domain.instants import rfc3339
from app.domain.ports import Blob, BlobStore, Clock
from app.domain.variants import ORIGINAL, Rendering, VariantFacts, VariantKey, Wanted, find_rendering
from app.services.access_times import AccessTimes
from app.services.complaints import Complaints
from app.services.known_images import KnownImages
from app.services.signals import Signals
from app.services.variants import VariantService

log = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Stored:
    """An image and its open bytes, or those of a *variant* of it; whoever gets it closes the blob."""

    image: Image
    blob: Blob
    variant: VariantFacts | None = None
    original: Path | None = None
    """Where the original of a variant lies, if its store is a local one."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An image that is still being captured, while its source lives."""

    source_url: str


class HostingService:
    def __init__(
        self,
        *,
        images: ImageCatalog,
        blobs: BlobStore,
        access_times: AccessTimes,
        signals: Signals,
        clock: Clock,
        read_wait: timedelta,
        variants: VariantService,
    ) -> None:
        self._images = images
        self._blobs = blobs
        self._access_times = access_times
        self._signals = signals
        self._clock = clock
        self._read_wait = read_wait
        self._variants = variants
        self._known = KnownImages(clock=clock)
        self._complaints = Complaints(clock=clock)

    async def get(self, user: UserId, image: ImageId, *, for_anyone: bool = False) -> Image:
        """Return an image that is not deleted; raise `NotFound` or `ImageDeleted`.

        *for_anyone*: what belongs to a chat is not there, not even as a tombstone.
        """
        found = await self._images.find(user, image)
        if found is None or (for_anyone and found.is_private):
            raise NotFound("There is no such image.")
        if found.status is ImageStatus.DELETED:
            raise deleted(found)
        return found

    async def read(
        self, user: UserId, image: ImageId, wanted: Wanted = ORIGINAL, *, for_anyone: bool = False
    ) -> Stored | Elsewhere:
        """Return the bytes that are *wanted*, or where the original is while it is being captured.

        Waits a moment for a capture.  *for_anyone* is as in `get`.  Raise `NotFound`, `ImageDeleted`,
        `ImageUnavailable` (rejected or lost) or `StillCapturing`; for a variant also `InvalidInput`, `RenderingFailed`
        or `Overloaded`.
        """
        known = self._known.find(user, image)
        if known is not None and known.is_private and for_anyone:
            raise NotFound("There is no such image.")
        found = known or await self.get(user, image, for_anyone=for_anyone)
        if found.status is ImageStatus.CAPTURING:
            found = await self._signals.wait(
                (user, image),
                lambda: self.get(user, image),
                done=lambda now: now.status is not ImageStatus.CAPTURING,
                seconds=self._read_wait.total_seconds(),
            )
        match found.status:
            case ImageStatus.STORED:
                rendering = find_rendering(found, wanted)
                stored = await self._open(found)
                if known is None:
                    self._known.remember(found)
                return stored if rendering is None else await self._rendered(stored, rendering)
            case ImageStatus.CAPTURING:
                return self._elsewhere(found)
            case _:
                raise _unavailable(found)

    async def delete(self, user: UserId, image: ImageId, *, reason: str = "user_request") -> None:
        """Delete an image; deleting it twice, or one that never was, is fine."""
        before = await self._images.mark_deleted(user, image, reason=reason, at=self._clock())
        self._known.forget(user, image)
        self._signals.announce((user, image))
        if before is not None and before.facts is not None:
            # Row before file: a crash in between leaves a tombstone that owes an unlink, never a row without bytes.
            await self._blobs.delete(before.key)
            await self._images.mark_unlinked(user, image)

    async def page(
        self,
        user: UserId,
        *,
        after: ImagePosition | None,
        limit: int,
        sources: Sequence[ImageSource] = (),
        since: datetime | None = None,
    ) -> tuple[list[Image], ImagePosition | None]:
        """Return up to *limit* images, newest first, and the position the next page begins after."""
        found = await self._images.page(user, after=after, limit=limit + 1, sources=sources, since=since)
        page = found[:limit]
        more = len(found) > limit
        return page, ImagePosition(page[-1].created_at, page[-1].id) if more else None

    async def _open(self, image: Image) -> Stored:
        try:
            blob = await self._blobs.open(image.key)
        except NotFound:
            self._known.forget(image.user, image.id)
            now = await self.get(image.user, image.id)  # deleted since it was read: says so
            if now.status is not ImageStatus.STORED:
                raise _unavailable(now) from None
            self._complain("a stored image has no file", image)
            raise StorageUnavailable("The image cannot be read.", retry_after=60) from None
        if image.digest is not None and blob.size != image.digest.size:
            self._complain("a stored image's file has the wrong size", image)
        self._access_times.note(image.user, image.id)
        return Stored(image, blob)

    def _complain(self, message: str, image: Image) -> None:
        if self._complaints.is_due((message, image.key)):
            log.error(message, extra={"user_id": str(image.user), "image_id": str(image.id)})

    async def _rendered(self, original: Stored, rendering: Rendering) -> Stored:
        # The original was opened all the same: whatever has become of it is true of its variants.
        await original.blob.aclose()
        image = original.image
        try:
            variant = await self._variants.open(VariantKey.of(image, rendering))
        except (NotFound, StorageUnavailable):
            await self.get(image.user, image.id)  # deleted since: says so
            raise
        return Stored(image, variant.blob, variant.facts, original.blob.path)

    def _elsewhere(self, image: Image) -> Elsewhere:
        url = image.origin.source_url
        if url is None:
            raise StillCapturing("The image is being captured.", retry_after=_RETRY_AFTER_SECONDS)
        return Elsewhere(url)


def deleted(image: Image) -> ImageDeleted:
    when = rfc3339(image.ended_at) if image.ended_at else None
    return ImageDeleted("The image was deleted.", details={"reason": image.reason, "deleted_at": when})


def _unavailable(image: Image) -> ImageUnavailable:
    words = "lost: its source expired or vanished" if image.status is ImageStatus.LOST else "rejected"
    return ImageUnavailable(
        f"The image was {words}.", details={"image_status": image.status.value, "reason": image.reason}
    )

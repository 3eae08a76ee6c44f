"""Pictures people upload: received into staging, cleaned once, looked into, published, recorded.  In this order.

No intent is recorded first, for nothing was promised: until the row is committed the bytes are still the sender's.  A
crash before that leaves a file without a row, which recovery sets aside.
"""

import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.domain.catalog import IdempotencyKey, ImageCatalog, Repetitions
from app.domain.errors import AppError, HostingDisabled, TooLarge
from app.domain.ids import IdFactory, ImageId, UserId
from app.domain.images import Image, ImageSource, ImageStatus
from app.domain.ports import BlobStore, Clock, Staging
from app.services.hosting import deleted
from app.services.saving import Saved
from app.services.saving_uploads import UploadSaver

log = logging.getLogger(__name__)

_COPIES = 2
"""An upload lies in staging as it came and as it will be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadTerms:
    """*max_bytes* is the largest upload; where nothing is hosted there are none.  They become images of *source*."""

    max_bytes: int
    is_hosting: bool
    source: ImageSource = ImageSource.UPLOADED


class Incoming:
    """The bytes of an upload as they came; *began* is when it did."""

    def __init__(self, staging: Staging, *, max_bytes: int, began: datetime) -> None:
        self.began = began
        self._staging = staging
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()

    @property
    def path(self) -> Path:
        return self._staging.path

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._hash.hexdigest()

    async def write(self, chunk: bytes) -> None:
        """Append *chunk*; raise `TooLarge`, `StorageFull` or `StorageUnavailable`."""
        if self._staging.size + len(chunk) > self._max_bytes:
            raise TooLarge(f"The image is larger than {self._max_bytes} bytes.", field="file")
        self._hash.update(chunk)
        await self._staging.write(chunk)


class UploadService:
    """*on_stored* is told of each image before its sender is; it does not raise."""

    def __init__(
        self,
        *,
        images: ImageCatalog,
        repetitions: Repetitions,
        blobs: BlobStore,
        saver: UploadSaver,
        ids: IdFactory,
        clock: Clock,
        terms: UploadTerms,
        on_stored: Callable[[Image], Awaitable[None]],
    ) -> None:
        self._images = images
        self._repetitions = repetitions
        self._blobs = blobs
        self._saver = saver
        self._ids = ids
        self._clock = clock
        self._terms = terms
        self._on_stored = on_stored

    @asynccontextmanager
    async def receive(self, announced: int | None, *, began: datetime | None = None) -> AsyncIterator[Incoming]:
        """Begin an upload of about *announced* bytes; when the block ends nothing is left of what came.

        *began* is when its request came, if it is only looked at now.
        Raise `HostingDisabled`, `StorageFull` or `StorageUnavailable`.
        """
        if not self._terms.is_hosting:
            raise HostingDisabled("Nothing is hosted here.")
        began = began or self._clock()
        await self._blobs.require_room(_COPIES * (announced or 0))
        async with self._blobs.stage() as staging:
            yield Incoming(staging, max_bytes=self._terms.max_bytes, began=began)

    async def host(
        self, incoming: Incoming, *, user: UserId, declared: str | None, idempotency_key: IdempotencyKey | None
    ) -> Image:
        """Clean what came and host it; a repeated request gets the image it made before.

        *declared* is the type the sender gave it.  Raise `SourceRejected`, `ContentTypeMismatch`, `ImageDeleted` (it
        was, since it was first sent), `IdempotencyKeyReused`, `Conflict` (the user was erased since it began),
        `Overloaded`, `StorageFull` or `StorageUnavailable`.
        """
        known = await self._find_known(user, idempotency_key)
        if known is not None:
            return known
        image = self._ids.image()
        saved = await self._saver.save(incoming.path, user=user, image=image, declared=declared)
        stored = Image(
            user=user,
            id=image,
            url_extension=saved.facts.extension,
            status=ImageStatus.STORED,
            source=self._terms.source,
            created_at=incoming.began,
            facts=saved.facts,
            digest=saved.digest,
            hosted_at=self._clock(),
        )
        return await self._record(stored, saved, idempotency_key)

    async def _record(self, stored: Image, saved: Saved, key: IdempotencyKey | None) -> Image:
        try:
            registered = await self._images.add(stored, idempotency_key=key)
        except AppError:
            await self._withdraw(stored, saved)
            raise
        if not registered.is_new:  # the same request, twice at once: the other one was first
            await self._saver.discard(saved)
            return _living(registered.image)
        log.info("image stored", extra=_named(stored) | {"size": saved.digest.size, "source": stored.source.value})
        await self._on_stored(stored)
        return stored

    async def _withdraw(self, stored: Image, saved: Saved) -> None:
        """Remove the file of an image that was not recorded; where nobody can tell, recovery will."""
        try:
            if await self._images.find(stored.user, stored.id) is None:
                await self._saver.discard(saved)
        except AppError as refusal:
            log.warning("a file without a row is left", extra=_named(stored) | {"error": refusal.code})

    async def _find_known(self, user: UserId, key: IdempotencyKey | None) -> Image | None:
        made = None if key is None else await self._repetitions.find(user, key)
        image = None if made is None else await self._images.find(user, ImageId(made))
        return None if image is None else _living(image)


def _living(image: Image) -> Image:
    if image.status is ImageStatus.DELETED:
        raise deleted(image)
    return image


def _named(image: Image) -> dict[str, object]:
    return {"user_id": str(image.user), "image_id": str(image.id)}

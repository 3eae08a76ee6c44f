"""Temporary images: hosted for a provider to fetch, gone when their caller, or the generation they served, is done."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from app.domain import data_urls
from app.domain.access import Caller
from app.domain.catalog import GenerationCatalog, IdempotencyKey, Repetitions
from app.domain.errors import ImageDeleted, SourceRejected, TooLarge
from app.domain.ids import GenerationId, IdFactory, UserId
from app.domain.images import Digest, ImageFacts
from app.domain.ports import Clock, Inspector, Staging
from app.domain.temporary import FileKind, Opened, TemporaryId, TemporaryImage, TemporaryStore

log = logging.getLogger(__name__)

PATH = "/api/images"
"""Where temporary images are served."""

_FORGOTTEN = timedelta(days=1)
"""A generation nobody knows may be about to begin; after this long it was, or it never will."""

_SLICE = 256 * 1024
_SAYS_NOTHING = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_IS_NO_PICTURE = frozenset({"not_an_image", "unsupported_format"})


@dataclass(frozen=True, slots=True)
class Hosted:
    """A temporary image and where a provider finds it."""

    url: str
    id: TemporaryId


class TemporaryImages:
    """*require_room* raises `StorageFull` when the volume has no room for that many bytes."""

    def __init__(
        self,
        *,
        store: TemporaryStore,
        inspector: Inspector,
        repetitions: Repetitions,
        generations: GenerationCatalog,
        ids: IdFactory,
        clock: Clock,
        max_bytes: int,
        require_room: Callable[[int], Awaitable[None]],
    ) -> None:
        self._store = store
        self._inspector = inspector
        self._repetitions = repetitions
        self._generations = generations
        self._ids = ids
        self._clock = clock
        self._max_bytes = max_bytes
        self._require_room = require_room

    @staticmethod
    def should_use_url(text: str) -> bool:
        """Tell whether *text* is a data URL of more than 256 KiB of data."""
        return data_urls.should_use_url(text)

    async def host(
        self,
        data_url: str,
        *,
        owner: UserId,
        base_url: str,
        generation: GenerationId | None = None,
        idempotency_key: IdempotencyKey | None = None,
    ) -> Hosted:
        """Host the picture in *data_url*; the URL begins with *base_url* and ends in the true extension.

        With a *generation* it is deleted when that ends.  Raise `SourceRejected`, `TooLarge` (before anything is
        decoded), `StorageFull`, `StorageUnavailable`, `Overloaded`; for a repeated request also `ImageDeleted` or
        `IdempotencyKeyReused`.
        """
        known = None if idempotency_key is None else await self._repetitions.find(owner, idempotency_key)
        if known is not None:
            return _hosted(await self._get(known), base_url)
        image = await self._host(data_url, owner, generation)
        if idempotency_key is not None:
            made = await self._repetitions.remember(owner, idempotency_key, str(image.id), at=self._clock())
            if made != str(image.id):  # the same request, twice at once: the other one was first
                await self._store.remove(image.id)
                image = await self._get(made)
        return _hosted(image, base_url)

    async def store(
        self, content: bytes, *, owner: UserId, content_type: str, generation: GenerationId | None = None
    ) -> TemporaryImage:
        """Keep *content*, a picture of *content_type*; raise as `host` does."""
        self._require_size(len(content))
        await self._require_room(len(content))
        async with self._store.stage() as staging:
            for start in range(0, len(content), _SLICE):
                await staging.write(content[start : start + _SLICE])
            digest = await staging.seal()
            facts = await self._inspector.inspect(staging.path)
            _require_type(content_type, facts)
            return await self._keep(staging, digest, FileKind(facts.extension, facts.content_type), owner, generation)

    async def host_input(
        self, found: data_urls.DataUrl, *, owner: UserId, base_url: str, generation: GenerationId
    ) -> Hosted:
        """Host what a generation takes in, until it ends: a picture as what it is, anything else as it came.

        Raise as `host` does.  What calls itself an image must be it; bytes of no said type that begin as a picture
        must be a whole one.
        """
        return _hosted(await self._keep_input(found, owner, generation), base_url)

    async def judge(self, found: data_urls.DataUrl) -> FileKind:
        """Return what `host_input` would host *found* as, and keep nothing; raise `SourceRejected`, `TooLarge`."""
        async with self._judged(found) as (_, _, kind):
            return kind

    async def open(self, image: TemporaryId) -> Opened | None:
        """Return an image and its bytes for whoever has its id."""
        return await self._store.open(image)

    async def delete(self, image: TemporaryId, *, by: Caller) -> None:
        """Delete an image; one that is not there, or not the caller's, is left as it is."""
        found = await self._store.find(image)
        if found is not None and (by.is_service or by.user == found.owner):
            await self._store.remove(image)

    async def delete_many(self, images: Sequence[TemporaryId], *, by: Caller) -> None:
        """Delete several, each as `delete` does."""
        for image in images:
            await self.delete(image, by=by)

    async def delete_for(self, generation: GenerationId) -> None:
        """Delete what was hosted for a generation: it has ended."""
        await self._delete_where(lambda image: image.generation == generation)

    async def delete_of(self, owner: UserId) -> None:
        """Delete everything of an owner."""
        await self._delete_where(lambda image: image.owner == owner)

    async def tidy(self) -> None:
        """Delete what was hosted for generations that have ended, or never began."""
        for image in await self._store.images():
            if image.generation is not None and await self._is_over(image.generation, image):
                await self._store.remove(image.id)

    async def _host(self, text: str, owner: UserId, generation: GenerationId | None) -> TemporaryImage:
        return await self._keep_input(data_urls.parse(text), owner, generation)

    async def _keep_input(
        self, found: data_urls.DataUrl, owner: UserId, generation: GenerationId | None
    ) -> TemporaryImage:
        async with self._judged(found) as (staging, digest, kind):
            return await self._keep(staging, digest, kind, owner, generation)

    @asynccontextmanager
    async def _judged(self, found: data_urls.DataUrl) -> AsyncIterator[tuple[Staging, Digest, FileKind]]:
        self._require_size(found.size)
        await self._require_room(found.size)
        async with self._store.stage() as staging:
            try:
                await data_urls.decode_into(staging, found.text, start=found.start)
            except data_urls.NotBase64:
                raise SourceRejected("not_base64", "The data are not base64: RFC 4648, padded, no spaces.") from None
            digest = await staging.seal()
            yield staging, digest, await self._kind(staging, found)

    async def _kind(self, staging: Staging, found: data_urls.DataUrl) -> FileKind:
        try:
            facts = await self._inspector.inspect(staging.path)
        except SourceRejected as refusal:
            if found.is_image or (found.content_type in _SAYS_NOTHING and refusal.reason not in _IS_NO_PICTURE):
                raise
            return FileKind.declared(found.content_type)
        if found.is_image:
            _require_type(found.content_type, facts)
        return FileKind(facts.extension, facts.content_type)

    async def _keep(
        self, staging: Staging, digest: Digest, kind: FileKind, owner: UserId, generation: GenerationId | None
    ) -> TemporaryImage:
        image = TemporaryImage(
            id=TemporaryId(self._ids.temporary()),
            owner=owner,
            extension=kind.extension,
            content_type=kind.content_type,
            digest=digest,
            created_at=self._clock(),
            generation=generation,
        )
        await self._store.keep(staging, image)
        return image

    async def _delete_where(self, is_meant: Callable[[TemporaryImage], bool]) -> None:
        for image in await self._store.images():
            if is_meant(image):
                await self._store.remove(image.id)

    async def _is_over(self, generation: GenerationId, image: TemporaryImage) -> bool:
        known = await self._generations.find(generation)
        if known is None:
            return self._clock() - image.created_at > _FORGOTTEN
        return known.completed_at is not None

    async def _get(self, known: str) -> TemporaryImage:
        found = await self._store.find(TemporaryId(known))
        if found is None:
            raise ImageDeleted("The image was deleted since it was first hosted.")
        return found

    def _require_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise TooLarge(f"An input may have {self._max_bytes} bytes.", field="data_url")


def _require_type(content_type: str, facts: ImageFacts) -> None:
    if data_urls.named_type(content_type) != facts.content_type:
        raise SourceRejected("type_mismatch", f"The bytes are {facts.content_type}, not what they are declared to be.")


def _hosted(image: TemporaryImage, base_url: str) -> Hosted:
    return Hosted(f"{base_url}{PATH}/{image.name}", image.id)

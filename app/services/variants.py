"""Variants: made once however many ask, kept while there is room, gone with their image."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from app.domain.errors import AppError, InvalidInput, NotFound, Overloaded, RenderingFailed
from app.domain.images import Digest
from app.domain.ports import Blob, BlobStore, Renderer, Variant, VariantCache
from app.domain.variants import Outcome, VariantFacts, VariantKey, gallery_rendering
from app.services.failures import RecentFailures
from app.services.flights import Flights

log = logging.getLogger(__name__)


class Bytes:
    """A blob that lies in memory; several may share their bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size(self) -> int:
        return len(self._content)

    @property
    def file(self) -> BinaryIO | None:
        return None

    @property
    def path(self) -> Path | None:
        return None

    async def chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        yield self._content[start:stop]

    async def aclose(self) -> None:
        """There is nothing to close."""


class VariantService:
    """*count* is told how each variant that was asked for came about."""

    def __init__(
        self,
        *,
        blobs: BlobStore,
        cache: VariantCache,
        renderer: Renderer,
        monotonic: Callable[[], float],
        count: Callable[[Outcome], object] = lambda _: None,
    ) -> None:
        self._blobs = blobs
        self._cache = cache
        self._renderer = renderer
        self._count = count
        self._flights: Flights[tuple[VariantFacts, bytes]] = Flights()
        self._failures = RecentFailures(monotonic=monotonic)

    async def open(self, key: VariantKey) -> Variant:
        """Return a variant, made now if it is not kept.

        Raise `NotFound` when its original has gone, `Overloaded` when too many are being made, or what the
        renderer raises.  A failure is told to all who wait for it; what would fail again is remembered for a while.
        """
        found = await self._find(key)
        if found is not None:
            self._count(Outcome.KEPT)
            return found
        came = Outcome.JOINED if key in self._flights else Outcome.MADE
        try:
            self._failures.check(key)
            facts, content = await self._flights.join(key, lambda: self._make(key))
        except AppError as refusal:
            self._count(Outcome.REFUSED if isinstance(refusal, Overloaded) else Outcome.FAILED)
            raise
        self._count(came)
        return Variant(facts, Bytes(content))

    async def keep(self, key: VariantKey, content: bytes) -> VariantFacts:
        """Keep a variant that has been made, if that is possible: it never fails for want of room."""
        facts = await asyncio.to_thread(_facts, key.rendering.extension, content)
        try:
            await self._blobs.require_room(len(content))
            await self._cache.keep(key, facts, content)
            # It may have been deleted meanwhile.  Whoever deletes removes the original first and its variants then:
            # either that was after this variant was kept, or the original is seen to be gone here.
            if not await self._has_original(key.blob):
                await self._cache.forget(key.blob)
        except AppError as refusal:
            log.info("a variant is not kept", extra={"key": key.blob, "error": refusal.code})
        return facts

    async def tidy(self) -> None:
        """Remove what is kept of originals that are no longer there."""
        for blob in await self._cache.sources():
            if not await self._has_original(blob):
                await self._cache.forget(blob)

    async def aclose(self) -> None:
        """Stop making variants."""
        await self._flights.aclose()

    async def _find(self, key: VariantKey) -> Variant | None:
        try:
            return await self._cache.find(key)
        except AppError as refusal:
            log.warning("the variants cannot be read", extra={"key": key.blob, "error": refusal.code})
            return None

    async def _make(self, key: VariantKey) -> tuple[VariantFacts, bytes]:
        async with self._original(key.blob) as path:
            content = await self._render(path, key)
        return await self.keep(key, content), content

    async def _render(self, path: Path, key: VariantKey) -> bytes:
        try:
            return await self._renderer.render(path, key.rendering)
        except (InvalidInput, RenderingFailed) as refusal:
            # The same bytes would fail the same way, after as much work.
            self._failures.remember(key, refusal)
            log.warning("an image cannot be rendered", extra=_told(key, refusal))
            raise

    @asynccontextmanager
    async def _original(self, key: str) -> AsyncIterator[Path]:
        """Lend the original as a local file."""
        async with aclosing(await self._blobs.open(key)) as blob:
            if blob.path is not None:
                yield blob.path
                return
            async with self._blobs.stage() as staging:
                async for chunk in blob.chunks(0, blob.size):
                    await staging.write(chunk)
                await staging.seal()
                yield staging.path

    async def _has_original(self, key: str) -> bool:
        try:
            blob: Blob = await self._blobs.open(key)
        except NotFound:
            return False
        await blob.aclose()
        return True


class Gallery:
    """Keeps a small copy of each image as it arrives, so that the first look at a list of them waits for nothing."""

    def __init__(self, *, variants: VariantService, width: int) -> None:
        self._variants = variants
        self.rendering = gallery_rendering(width)

    async def keep(self, key: str, original: Digest, copy: bytes) -> None:
        """Keep *copy*, the rendering of what has just been published under *key*; never fails."""
        try:
            await self._variants.keep(VariantKey(blob=key, sha256=original.sha256, rendering=self.rendering), copy)
        except Exception:
            # The original is here, and that is what counts.
            log.exception("a copy for the gallery is not kept", extra={"key": key})


def _told(key: VariantKey, refusal: AppError) -> dict[str, object]:
    user, image = key.owner
    wanted = f"{key.rendering.extension} at {key.rendering.width or 'full'} width"
    return {"user_id": user, "image_id": image, "rendering": wanted, "reason": refusal.details.get("reason")}


def _facts(extension: str, content: bytes) -> VariantFacts:
    return VariantFacts(extension=extension, size=len(content), sha256=hashlib.sha256(content).hexdigest())

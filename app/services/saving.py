"""The way of every byte into the store: download, seal, look, publish.  In this order, whatever it is for."""

import logging
from dataclasses import dataclass

from app.domain.captures import Capture
from app.domain.catalog import CaptureQueue
from app.domain.errors import AppError
from app.domain.images import Digest, ImageFacts, blob_key
from app.domain.ports import BlobStore, Downloader, Inspector, KeyTaken, Staging
from app.domain.variants import Survey
from app.services.variants import Gallery

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Saved:
    """Bytes that are durable under *key*.  No row names them yet."""

    key: str
    facts: ImageFacts
    digest: Digest


class NoLongerOurs(Exception):
    """Another holder has the capture, or it has ended: what was fetched for it is not wanted of us."""


class ImageSaver:
    def __init__(
        self,
        *,
        queue: CaptureQueue,
        blobs: BlobStore,
        downloader: Downloader,
        inspector: Inspector,
        gallery: Gallery | None = None,
    ) -> None:
        self._queue = queue
        self._blobs = blobs
        self._downloader = downloader
        self._inspector = inspector
        self._gallery = gallery

    async def save(self, capture: Capture) -> Saved:
        """Save the source of *capture*; raises `NoLongerOurs` or what the ports raise, and then nothing of it is left.

        Bytes that a row names, or is about to name, are never touched.
        """
        source = self._downloader.admit(capture.fetch_from)
        async with self._blobs.stage() as staging:
            await self._downloader.fetch(source, staging)
            digest = await staging.seal()
            survey = await self._look(staging)
            key = blob_key(capture.user, capture.image, survey.facts.extension)
            await self._require_ours(capture)
            await self._publish(staging, key, capture)
        if self._gallery is not None and survey.copy is not None:
            await self._gallery.keep(key, digest, survey.copy)
        return Saved(key, survey.facts, digest)

    async def discard(self, saved: Saved) -> None:
        """Remove what was saved for an image that is no longer wanted."""
        await self._blobs.delete(saved.key)

    async def _look(self, staging: Staging) -> Survey:
        if self._gallery is None:
            return Survey(facts=await self._inspector.inspect(staging.path))
        return await self._inspector.survey(staging.path, self._gallery.rendering)

    async def _require_ours(self, capture: Capture) -> None:
        try:
            is_ours = await self._queue.holds(capture)
        except AppError as refusal:
            # The bytes are here, and their source may not be there again.  To publish them pushes nobody's aside.
            log.warning("the catalog cannot say whose a capture is", extra={"error": refusal.code})
            return
        if not is_ours:
            raise NoLongerOurs

    async def _publish(self, staging: Staging, key: str, capture: Capture) -> None:
        try:
            await self._blobs.publish(staging, key)
        except KeyTaken:
            # Left by a holder that died, or just put there by one that took over from us.  Only its holder may tell,
            # and only while nobody can become that in its place.
            async with self._queue.holding(capture) as is_ours:
                if not is_ours:
                    raise NoLongerOurs from None
                await self._blobs.publish(staging, key, displace=True)

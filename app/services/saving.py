"""The way of every byte into the store: download, seal, look, publish.  In this order, whatever it is for."""

from dataclasses import dataclass

from app.domain.ids import ImageId, UserId
from app.domain.images import Digest, ImageFacts, blob_key
from app.domain.ports import BlobStore, Downloader, Inspector


@dataclass(frozen=True, slots=True)
class Saved:
    """Bytes that are durable under *key*.  No row names them yet."""

    key: str
    facts: ImageFacts
    digest: Digest


class ImageSaver:
    def __init__(self, *, blobs: BlobStore, downloader: Downloader, inspector: Inspector) -> None:
        self._blobs = blobs
        self._downloader = downloader
        self._inspector = inspector

    async def save(self, text: str, user: UserId, image: ImageId) -> Saved:
        """Save the source *text* for *image*; raises what the ports raise, and then nothing of it is left."""
        source = self._downloader.admit(text)
        async with self._blobs.stage() as staging:
            await self._downloader.fetch(source, staging)
            digest = await staging.seal()
            facts = await self._inspector.inspect(staging.path)
            key = blob_key(user, image, facts.extension)
            await self._blobs.publish(staging, key)
        return Saved(key, facts, digest)

    async def discard(self, saved: Saved) -> None:
        """Remove what was saved for an image that is no longer wanted."""
        await self._blobs.delete(saved.key)

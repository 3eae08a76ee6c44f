"""The way of an upload's bytes into the store: clean, seal, look, publish."""

from collections.abc import Collection
from pathlib import Path

from app.domain.data_urls import named_type
from app.domain.errors import ContentTypeMismatch, SourceRejected
from app.domain.ids import ImageId, UserId
from app.domain.images import CONTENT_TYPES, ImageFacts, blob_key
from app.domain.ports import BlobStore, Cleaner, Inspector
from app.domain.variants import Survey
from app.services.saving import Saved
from app.services.variants import Gallery

_NO_CLAIM = frozenset({"application/octet-stream", "binary/octet-stream"})


class UploadSaver:
    """Takes pictures of the types *allowed* only, by what they are and not by what they are said to be."""

    def __init__(
        self,
        *,
        blobs: BlobStore,
        cleaner: Cleaner,
        inspector: Inspector,
        gallery: Gallery | None = None,
        allowed: Collection[str] = frozenset(CONTENT_TYPES.values()),
    ) -> None:
        self._blobs = blobs
        self._cleaner = cleaner
        self._inspector = inspector
        self._gallery = gallery
        self._allowed = allowed

    async def save(self, path: Path, *, user: UserId, image: ImageId, declared: str | None) -> Saved:
        """Publish the picture at *path*, cleaned; raises what the ports raise, or `ContentTypeMismatch`.

        What is kept is what was looked into: the cleaned file, not the one that came.
        """
        async with self._blobs.stage() as staging:
            came = await self._cleaner.clean(path, staging)
            digest = await staging.seal()
            survey = await self._look(staging.path)
            _require_declared(declared, came)
            self._require_allowed(survey.facts)
            key = blob_key(user, image, survey.facts.extension)
            await self._blobs.publish(staging, key)
        if self._gallery is not None and survey.copy is not None:
            await self._gallery.keep(key, digest, survey.copy)
        return Saved(key, survey.facts, digest)

    async def discard(self, saved: Saved) -> None:
        """Remove what was saved, and no row names."""
        await self._blobs.delete(saved.key)

    def _require_allowed(self, facts: ImageFacts) -> None:
        if facts.content_type not in self._allowed:
            raise SourceRejected("type_not_allowed", f"Only {', '.join(self._allowed)} are accepted.")

    async def _look(self, path: Path) -> Survey:
        if self._gallery is None:
            return Survey(facts=await self._inspector.inspect(path))
        return await self._inspector.survey(path, self._gallery.rendering)


def _require_declared(declared: str | None, came: str) -> None:
    """Raise unless the picture came as the type its sender says, or he says none."""
    if declared is None or declared.lower() in _NO_CLAIM or named_type(declared) == came:
        return
    raise ContentTypeMismatch(f"The bytes are {came}, not what they are declared to be.", field="file")

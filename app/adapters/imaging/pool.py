"""The `Inspector`, `Cleaner` and `Renderer` ports over workers.

Renderings have workers of their own: no flood of them delays an ingest.
"""

from dataclasses import asdict
from pathlib import Path

from app.adapters.imaging import heif, heif_decoding
from app.adapters.imaging.cleaning.pieces import parse
from app.adapters.imaging.refusals import Reason
from app.adapters.imaging.rewriting import rewrite
from app.adapters.imaging.workers import WorkerPool
from app.domain.errors import InvalidInput, RenderingFailed, SourceRejected
from app.domain.images import CONTENT_TYPES, ImageFacts
from app.domain.ports import Staging
from app.domain.variants import Rendering, Survey

_TOO_LARGE = frozenset({Reason.TOO_MANY_FRAMES, Reason.TOO_MANY_PIXELS})
_NO_MEMORY = "The image is too large to be rendered at this size: ask for a smaller width (w)."


class InspectorPool(WorkerPool):
    """Looks into pictures, and cleans them."""

    async def inspect(self, path: Path) -> ImageFacts:
        facts, _ = await self.run({"op": "inspect", "path": str(path)})
        return ImageFacts(**facts)

    async def survey(self, path: Path, copy: Rendering) -> Survey:
        facts, made = await self.run({"op": "inspect", "path": str(path), "copy": asdict(copy)})
        return Survey(facts=ImageFacts(**facts), copy=made or None)

    @property
    def cleaned_types(self) -> list[str]:
        """What `clean` takes; a phone's own format where its decoder is installed."""
        types = {*CONTENT_TYPES.values(), *([heif.CONTENT_TYPE] if heif_decoding.is_available() else [])}
        return sorted(types)

    async def clean(self, path: Path, into: Staging) -> str:
        cleaned, _ = await self.run({"op": "clean", "path": str(path)}, into=into)
        await rewrite(path, parse(cleaned["pieces"]), into)
        return str(cleaned["content_type"])


class RendererPool(WorkerPool):
    """Renders pictures."""

    async def render(self, path: Path, rendering: Rendering) -> bytes:
        try:
            _, content = await self.run({"op": "render", "path": str(path), "rendering": asdict(rendering)})
        except SourceRejected as exc:
            if exc.reason in _TOO_LARGE:
                raise InvalidInput(exc.detail, field="image", details={"reason": exc.reason}) from exc
            if exc.reason == Reason.OUT_OF_MEMORY:
                raise InvalidInput(_NO_MEMORY, field="image", details={"reason": exc.reason}) from exc
            # The original was looked into when it came, and is served all the same: this is no fault of its own.
            raise RenderingFailed(exc.detail, details={"reason": exc.reason}) from exc
        return content

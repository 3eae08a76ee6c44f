"""Hosting the image at an expiring URL."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from app.domain.catalog import IdempotencyKey, ImageCatalog
from app.domain.errors import SourceGone, SourceNotAllowed, SourceRejected
from app.domain.images import Image, ImageStatus
from app.services.admission import Admission
from app.services.hosting import deleted
from app.services.signals import Signals
from app.services.sources import Import, Sources


@dataclass(frozen=True, slots=True)
class Imported:
    """The image; *is_new* is False when this owner's same source was hosted before."""

    image: Image
    is_new: bool


@dataclass(frozen=True, slots=True)
class PassedThrough:
    """What an import is answered with where nothing is hosted."""

    wanted: Import


class ImportService:
    def __init__(
        self,
        *,
        images: ImageCatalog,
        sources: Sources,
        signals: Signals,
        kick: Callable[[], None],
        admission: Admission,
        is_hosting: bool,
    ) -> None:
        self._images = images
        self._sources = sources
        self._signals = signals
        self._kick = kick
        self._admission = admission
        self._is_hosting = is_hosting

    async def import_image(
        self, wanted: Import, *, wait: timedelta, idempotency_key: IdempotencyKey | None = None
    ) -> Imported | PassedThrough:
        """Host the image at a URL; return it once it is stored, or after *wait* as it is then.

        Raise `InvalidInput`, `SourceNotAllowed`, `SourceRejected`, `SourceGone`, `ImageIdTaken`,
        `IdempotencyKeyReused` or `Overloaded`.
        """
        new = await self._sources.imported(wanted)
        if not self._is_hosting:
            return PassedThrough(wanted)
        await self._admission.require_room(len(new.fetch_from))
        registered = await self._images.register(new, idempotency_key=idempotency_key)
        self._kick()
        image = await self.settled(registered.image, seconds=wait.total_seconds())
        _require_hosted(image)
        return Imported(image, registered.is_new)

    async def settled(self, image: Image, *, seconds: float) -> Image:
        """Return *image* once its capture has ended, or after *seconds* as it is then."""

        async def look() -> Image:
            return await self._images.find(image.user, image.id) or image

        if image.status is not ImageStatus.CAPTURING:
            return image
        return await self._signals.wait(
            (image.user, image.id), look, done=lambda seen: seen.status is not ImageStatus.CAPTURING, seconds=seconds
        )


def _require_hosted(image: Image) -> None:
    """Raise why *image* has no bytes, if it never will."""
    if image.status is ImageStatus.DELETED:
        raise deleted(image)
    if image.status is ImageStatus.LOST:
        raise SourceGone("The source is gone.", details={"image_id": str(image.id), "reason": image.reason})
    if image.status is ImageStatus.REJECTED and image.reason == SourceNotAllowed.code:
        raise SourceNotAllowed
    if image.status is ImageStatus.REJECTED:
        raise SourceRejected(image.reason or "rejected", image.detail or "The source is no acceptable image.")

"""The services that take pictures in from people: uploads, and temporary images for providers."""

from functools import cached_property

from app.domain.images import Image
from app.services.inputs import InputService
from app.services.own_images import OwnImages
from app.services.saving_uploads import UploadSaver
from app.services.temporary import TemporaryImages
from app.services.uploads import UploadService, UploadTerms
from app.wiring.keeping import KeepingGraph


class InputGraph(KeepingGraph):
    """One property a service; reading one builds what it stands on."""

    @cached_property
    def uploads(self) -> UploadService:
        adapters = self.adapters
        return UploadService(
            images=adapters.images,
            repetitions=adapters.repetitions,
            blobs=adapters.blobs,
            saver=UploadSaver(
                blobs=adapters.blobs, cleaner=adapters.inspector, inspector=adapters.inspector, gallery=self.gallery
            ),
            ids=self.world.ids,
            clock=self.world.clock,
            terms=UploadTerms(max_bytes=self.settings.asset_max_bytes, is_hosting=self.settings.image_hosting_enabled),
            on_stored=self._on_uploaded,
        )

    @cached_property
    def temporary(self) -> TemporaryImages:
        adapters = self.adapters
        return TemporaryImages(
            store=adapters.temporary,
            inspector=adapters.inspector,
            repetitions=adapters.repetitions,
            generations=adapters.generations,
            ids=self.world.ids,
            clock=self.world.clock,
            max_bytes=self.settings.asset_max_bytes,
            require_room=adapters.blobs.require_room,
        )

    @property
    def reachable_at(self) -> str | None:
        """What our URLs begin with, where providers can reach us at all."""
        base = self.settings.public_base_url
        # Providers call, and fetch, by https only; a stand-in is not so strict.
        is_reachable = base is not None and (base.startswith("https://") or self.settings.allow_private_sources)
        return base if is_reachable else None

    @cached_property
    def own_images(self) -> OwnImages:
        return OwnImages(
            base_url=self.settings.public_base_url,
            hosting=self.hosting,
            temporary=self.temporary,
            links=self.links if self.settings.image_access == "signed" else None,
            max_bytes=self.settings.asset_max_bytes,
            # Nobody else reaches a service without an address; but what lies here can be uploaded.
            is_local=self.settings.fal_use_upload,
        )

    @cached_property
    def inputs(self) -> InputService:
        return InputService(
            temporary=self.temporary,
            own=self.own_images,
            base_url=self.reachable_at,
            storages={"fal": self.adapters.fal_storage} if self.settings.fal_use_upload else {},
        )

    async def _on_uploaded(self, image: Image) -> None:
        self._tell_uploaded(image)
        await self.enforce_limit(image.user)

    def _tell_uploaded(self, image: Image) -> None:
        if image.digest is not None and image.hosted_at is not None:
            seconds = (image.hosted_at - image.created_at).total_seconds()
            self.metrics.image_stored(size=image.digest.size, seconds=max(0.0, seconds))
        self.signals.announce((image.user, image.id))

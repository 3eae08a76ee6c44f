"""Pictures that were shown to a model by a running service, bytes included."""

from dataclasses import replace

from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImageSource
from tests.support.catalog import ANA, an_upload
from tests.support.pictures import png
from tests.support.service import Service


async def a_shown_picture(service: Service, name: str, *, user: UserId = ANA) -> Image:
    """Store a picture that was given in a chat, bytes included, now."""
    image = an_upload(name, user=user, source=ImageSource.CHAT, created_at=service.clock(), hosted_at=service.clock())
    async with service.graph.adapters.blobs.stage() as staging:
        await staging.write(png(4, 3))
        digest = await staging.seal()
        await service.graph.adapters.blobs.publish(staging, image.key)
    return (await service.graph.adapters.images.add(replace(image, digest=digest))).image


async def shown(service: Service, *names: str) -> list[tuple[str, str, str | None]]:
    """Return the pictures *names* as they are now: name, status and reason."""
    found = [await service.graph.adapters.images.find(ANA, ImageId(name)) for name in names]
    return [(str(image.id), str(image.status), image.reason) for image in found if image]

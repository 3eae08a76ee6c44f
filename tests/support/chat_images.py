"""Pictures of chats that are simply there."""

from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImageFacts, ImageSource, ImageStatus, blob_key
from tests.support.pictures import png
from tests.support.service import Service

PICTURE = png(48, 36, seed=5)


async def host_for_chat(
    service: Service, image: str = "img_chat", *, user: str = "ana", content: bytes = PICTURE
) -> Image:
    """Store *content* as a picture of a chat of *user*."""
    adapters, owner, name = service.graph.adapters, UserId(user), ImageId(image)
    async with adapters.blobs.stage() as staging:
        await staging.write(content)
        digest = await staging.seal()
        await adapters.blobs.publish(staging, blob_key(owner, name, "png"))
    stored = Image(
        user=owner,
        id=name,
        url_extension="png",
        status=ImageStatus.STORED,
        source=ImageSource.CHAT,
        created_at=service.clock(),
        hosted_at=service.clock(),
        digest=digest,
        facts=ImageFacts(content_type="image/png", extension="png", width=48, height=36, frames=1, thumbhash="AAAA"),
    )
    await adapters.images.add(stored)
    return stored

"""The service without its clockwork: nothing is captured, polled or swept unless a test says so."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from aiohttp import ClientSession

from app.cli.serving import listen
from app.config import Settings
from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImageFacts, ImageSource, NewImage, Origin, blob_key, url_key
from app.wiring import World, wired
from devkit.clock import FakeClock
from devkit.replicate import ReplicateStandIn
from tests.support.pictures import png
from tests.support.service import Service, environment

PICTURE = png(8, 6)
NAMES = {
    "user": "ana",
    "image": "pic",
    "generation": f"gen_{'0' * 26}",
    "session": f"ses_{'0' * 26}",
    "stream": f"str_{'0' * 26}",
    "file": "dashboard.js",
    "id": "00000000-0000-4000-8000-000000000000",
}
"""What to put into the paths of the route table; only the image is there."""


@asynccontextmanager
async def still(
    folder: Path, replicate: ReplicateStandIn | None = None, *, clock: FakeClock | None = None, **changes: str
) -> AsyncIterator[Service]:
    """Answer requests over *folder* for the length of the block; *changes* are further settings."""
    clock = clock or (replicate.clock if replicate else FakeClock(ticking=True))
    settings = Settings.from_env(environment(folder, replicate, **changes), dotenv=None)
    async with wired(settings, World(clock=clock, monotonic=clock.monotonic)) as holdfast:
        await holdfast.graph.recovery.require_volume()
        runner = await listen(settings, holdfast)
        try:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            async with ClientSession(url) as http:
                yield Service(url, http, holdfast.graph, clock, folder)
        finally:
            await runner.cleanup()


async def promise(service: Service, image: str = "pic", *, user: str = "ana") -> NewImage:
    """Register an image as an import would; it stays `capturing`."""
    fingerprint = hashlib.sha256(f"{user}/{image}".encode()).hexdigest()
    new = NewImage(
        user=UserId(user),
        id=ImageId(image),
        url_extension="png",
        source=ImageSource.IMPORTED,
        created_at=service.clock(),
        origin=Origin(),
        fetch_from="data:image/png;base64,",
        fingerprint=fingerprint,
        source_key=url_key(fingerprint),
        deadline=None,
        metadata={},
    )
    await service.graph.adapters.images.register(new)
    return new


async def host(service: Service, image: str = "pic", *, user: str = "ana", content: bytes = PICTURE) -> Image:
    """Store *content* as a capture would, now."""
    new, adapters = await promise(service, image, user=user), service.graph.adapters
    claimed = await adapters.captures.claim(owner="test", now=service.clock(), lease=timedelta(minutes=1), limit=1000)
    capture = next(each for each in claimed if (each.user, each.image) == (new.user, new.id))
    async with adapters.blobs.stage() as staging:
        await staging.write(content)
        digest = await staging.seal()
        await adapters.blobs.publish(staging, blob_key(new.user, new.id, "png"))
    facts = ImageFacts(content_type="image/png", extension="png", width=8, height=6, frames=1, thumbhash="AAAA")
    stored = await adapters.captures.settle_stored(capture, facts=facts, digest=digest, at=service.clock())
    assert stored is not None
    return stored

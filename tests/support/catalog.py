"""Rows for tests: what matters is said, the rest is boring."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.captures import Capture
from app.domain.catalog import CaptureQueue, GenerationCatalog, IdempotencyKey, ImageCatalog, Repetitions
from app.domain.conversations import Conversations
from app.domain.generations import Generation, JobStatus
from app.domain.ids import GenerationId, ImageId, UserId
from app.domain.images import (
    Digest,
    Image,
    ImageFacts,
    ImageSource,
    ImageStatus,
    NewImage,
    Origin,
    job_key,
    url_key,
)
from app.domain.metrics import SuccessLog
from app.domain.recovery import RecoveryCatalog
from app.domain.retention import RetentionCatalog
from app.domain.upkeep import UpkeepCatalog

ANA, BOB = UserId("ana"), UserId("bob")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=30)
FACTS = ImageFacts(content_type="image/png", extension="png", width=4, height=3, frames=1, thumbhash="aGFzaA==")
DIGEST = Digest(size=100, sha256="a" * 64)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The catalog's ports over one store, and its log of changes: (sequence, image, kind) of an owner, in order."""

    images: ImageCatalog
    captures: CaptureQueue
    generations: GenerationCatalog
    conversations: Conversations
    retention: RetentionCatalog
    recovery: RecoveryCatalog
    repetitions: Repetitions
    successes: SuccessLog
    upkeep: UpkeepCatalog
    changes: Callable[[UserId], Awaitable[list[tuple[int, str, str]]]]

    async def claim(self, *, owner: str = "us", now: datetime = NOW, limit: int = 10) -> list[Capture]:
        return await self.captures.claim(owner=owner, now=now, lease=LEASE, limit=limit)

    async def stored(self, new: NewImage, *, size: int = 100, at: datetime = NOW) -> Image:
        """Register *new* and store it at once."""
        await self.images.register(new)
        return await self.settled(size=size, at=at)

    async def settled(self, *, size: int = 100, at: datetime = NOW) -> Image:
        """Store whatever is due; return the last of it."""
        image = None
        for capture in await self.claim(now=NOW + timedelta(days=1)):
            digest = Digest(size=size, sha256="a" * 64)
            image = await self.captures.settle_stored(capture, facts=FACTS, digest=digest, at=at)
        assert image is not None
        return image

    async def ended(self, new: NewImage, *, is_lost: bool = True) -> Image:
        """Register *new* and let its capture fail."""
        await self.images.register(new)
        for capture in await self.claim(now=NOW + timedelta(days=1)):
            await self.captures.settle_failed(capture, is_lost=is_lost, reason="broken", detail="It broke.", at=NOW)
        return await self.get(new.id, new.user)

    async def lose_file(self, image: Image) -> None:
        """Do as recovery does when a stored image's file is gone."""
        assert await self.recovery.mark_lost(image.user, image.id, reason="file_missing", at=NOW)

    async def get(self, image: ImageId | str, user: UserId = ANA) -> Image:
        found = await self.images.find(user, ImageId(str(image)))
        assert found is not None
        return found


def an_image(name: str = "one", *, user: UserId = ANA, url: str | None = None, **more: Any) -> NewImage:
    """Return the intent to import *url*, by default one that goes with *name*, as the image *name*."""
    url = url or f"https://delivery.example/{name}.png"
    fingerprint = hashlib.sha256(url.encode()).hexdigest()
    made: dict[str, Any] = {
        "user": user,
        "id": ImageId(name),
        "url_extension": "png",
        "source": ImageSource.IMPORTED,
        "created_at": NOW,
        "origin": Origin(source_url=url),
        "fetch_from": url,
        "fingerprint": fingerprint,
        "source_key": url_key(fingerprint),
        "deadline": NOW + timedelta(hours=1),
        "metadata": {"name": name},
    }
    return NewImage(**made | more)


def an_upload(name: str = "one", *, user: UserId = ANA, **more: Any) -> Image:
    """Return an image whose bytes are published already."""
    made: dict[str, Any] = {
        "user": user,
        "id": ImageId(name),
        "url_extension": "png",
        "status": ImageStatus.STORED,
        "source": ImageSource.UPLOADED,
        "created_at": NOW,
        "facts": FACTS,
        "digest": DIGEST,
        "hosted_at": NOW + SECOND,
    }
    return Image(**made | more)


def of_job(name: str, job: str = "job1", index: int = 0, **more: Any) -> NewImage:
    """Return the intent of an import whose app said which output of which job it is."""
    url = more.pop("url", None) or f"https://delivery.example/{job}/{index}.png"
    origin = Origin(provider="replicate", job_id=job, output_index=index, source_url=url)
    return an_image(name, url=url, origin=origin, source_key=job_key("replicate", job, index), **more)


def an_output(of: Generation, index: int = 0, *, url: str | None = None, job: str = "job1", **more: Any) -> NewImage:
    """Return the intent of a generation's output."""
    url = url or f"https://delivery.example/{job}/{index}.png"
    return an_image(
        more.pop("name", None) or (str(of.first_image) if index == 0 else f"{of.first_image}-{index}"),
        user=of.user,
        url=url,
        source=ImageSource.GENERATED,
        origin=Origin(provider="replicate", job_id=job, output_index=index, generation=of.id, source_url=url),
        source_key=job_key("replicate", job, index),
        metadata=of.metadata,
        **more,
    )


def a_generation(number: int = 1, *, user: UserId = ANA, **more: Any) -> Generation:
    made: dict[str, Any] = {
        "id": GenerationId(f"gen_{number:026d}"),
        "user": user,
        "provider": "replicate",
        "status": JobStatus.STARTING,
        "created_at": NOW,
        "first_image": ImageId(f"first{number}"),
        "model": "acme/painter",
        "next_poll_at": NOW + 2 * SECOND,
        "metadata": {"note": "hello"},
    }
    return Generation(**made | more)


def a_key(key: str = "k1", *, request: str = "0", operation: str = "import") -> IdempotencyKey:
    return IdempotencyKey(key=key, operation=operation, request_sha256=request * 64)

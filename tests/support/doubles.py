"""A provider and a saver that do as a test says, for services over a real catalog."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.adapters.catalog.captures import SqlCaptures
from app.adapters.catalog.generations import SqlGenerations
from app.adapters.catalog.images import SqlImages
from app.domain.captures import Capture
from app.domain.errors import InvalidInput, NotFound
from app.domain.generations import Generation, Job, JobStatus, Order, input_fingerprint
from app.domain.ids import IdFactory, ImageId, UserId
from app.domain.images import Digest, ImageFacts, ImageSource, NewImage, Origin, blob_key, url_key
from app.services.saving import Saved

ANA = UserId("ana")
ORDER = Order(model="acme/painter", version=None, input={"prompt": "a cat"})
FACTS = ImageFacts(content_type="image/png", extension="png", width=4, height=3, frames=1, thumbhash="aGFzaA==")
DIGEST = Digest(size=100, sha256="a" * 64)


@dataclass(frozen=True, slots=True)
class Catalog:
    images: SqlImages
    captures: SqlCaptures
    generations: SqlGenerations


@dataclass
class FakeProvider:
    """Runs nothing.  `create` waits for *answer*; *jobs* is what `get` and `recent` know."""

    answer: asyncio.Future[Job]
    name: str = "replicate"
    has_list: bool = True
    keeps: timedelta = timedelta(hours=1)
    jobs: dict[str, Job] = field(default_factory=dict)
    canceled: list[str] = field(default_factory=list)
    creates: int = 0
    on_get: Callable[[str], Awaitable[object]] | None = None

    async def create(self, order: Order, *, wait: timedelta, cancel_after: Any, webhook: str | None) -> Job:
        self.creates += 1
        return await asyncio.shield(self.answer)

    async def get(self, job_id: str, **_: Any) -> Job:
        if self.on_get is not None:
            await self.on_get(job_id)
        if job_id not in self.jobs:
            raise NotFound("no such job")
        return self.jobs[job_id]

    async def cancel(self, job_id: str, **_: Any) -> Job:
        self.canceled.append(job_id)
        return a_job(job_id, status=JobStatus.CANCELED)

    async def recent(self, since: datetime) -> AsyncIterator[Job]:
        for job in reversed(self.jobs.values()):
            yield job

    def parse(self, document: Mapping[str, Any]) -> Job:
        raise InvalidInput("None of its documents is read here.")

    async def aclose(self) -> None:
        """There is nothing to close."""


@dataclass
class FakeSaver:
    """Saves nothing: each save does what *on_save* does, and then it is saved."""

    on_save: Callable[[], Awaitable[object]] | None = None
    saves: int = 0
    discarded: list[str] = field(default_factory=list)

    async def save(self, capture: Capture) -> Saved:
        self.saves += 1
        if self.on_save is not None:
            await self.on_save()
        return Saved(blob_key(capture.user, capture.image, "png"), FACTS, DIGEST)

    async def discard(self, saved: Saved) -> None:
        self.discarded.append(saved.key)


def a_job(name: str = "job-1", *, status: JobStatus = JobStatus.STARTING, **more: Any) -> Job:
    known = {"model": ORDER.model, "input_sha256": input_fingerprint(ORDER.input)}
    return Job(provider="replicate", id=name, status=status, **(known | more))


def a_generation(ids: IdFactory, at: datetime, **more: Any) -> Generation:
    known = {"model": ORDER.model, "input_sha256": input_fingerprint(ORDER.input), "next_poll_at": at}
    return Generation(
        id=ids.generation(),
        user=ANA,
        provider="replicate",
        status=JobStatus.STARTING,
        created_at=at,
        first_image=ids.image(),
        **(known | more),
    )


def an_image(name: str, at: datetime, *, deadline: timedelta | None = timedelta(hours=1)) -> NewImage:
    url = f"https://replicate.delivery/{name}.png"
    return NewImage(
        user=ANA,
        id=ImageId(name),
        url_extension="png",
        source=ImageSource.IMPORTED,
        created_at=at,
        origin=Origin(source_url=url),
        fetch_from=url,
        fingerprint=f"{name:0>64}",
        source_key=url_key(f"{name:0>64}"),
        deadline=None if deadline is None else at + deadline,
        metadata={},
    )

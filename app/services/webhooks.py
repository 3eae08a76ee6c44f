"""A provider tells us of a job.  Verified first, on the raw bytes; then it is one more observation."""

import logging
from collections.abc import Mapping
from typing import Protocol

from app.domain.errors import NotFound
from app.domain.generations import Job
from app.services.adoption import AdoptionService
from app.services.callbacks import Address, Callbacks
from app.services.jobs import JobService

log = logging.getLogger(__name__)


class WebhookReader(Protocol):
    """Verifies and reads a provider's webhooks."""

    async def read(self, headers: Mapping[str, str], body: bytes) -> Job:
        """Return the job a webhook speaks of; raise `Unauthorized` unless it is signed, `InvalidInput` otherwise."""


class WebhookService:
    def __init__(
        self,
        *,
        readers: Mapping[str, WebhookReader],
        callbacks: Callbacks,
        jobs: JobService,
        adoptions: AdoptionService,
    ) -> None:
        self._readers = readers
        self._callbacks = callbacks
        self._jobs = jobs
        self._adoptions = adoptions

    async def receive(
        self, provider: str, headers: Mapping[str, str], body: bytes, *, query: Mapping[str, str]
    ) -> None:
        """Take in one webhook, sent to an address with this *query*.

        A job nobody knows is hosted for the user its address names, and ignored when it names none.
        """
        reader = self._readers.get(provider)
        if reader is None:
            raise NotFound("There is nothing here.")
        job = await reader.read(headers, body)
        await self.take_in(job, self._callbacks.read(provider, query))

    async def take_in(self, job: Job, address: Address) -> None:
        """Take in what is said of *job*, by a webhook or by the provider's list."""
        if await self._jobs.hear(job, of=address.generation):
            return
        if address.user is not None:
            await self._adoptions.take(address.user, job)
        else:
            log.info("news of an unknown job", extra={"provider": job.provider, "job_id": job.id})

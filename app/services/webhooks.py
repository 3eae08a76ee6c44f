"""A provider tells us of a job.  Verified first, on the raw bytes; then it is one more observation."""

import logging
from collections.abc import Mapping
from typing import Protocol

from app.domain.errors import InvalidInput, NotFound
from app.domain.generations import Job
from app.domain.ids import GenerationId
from app.services.jobs import JobService

log = logging.getLogger(__name__)


class WebhookReader(Protocol):
    """Verifies and reads a provider's webhooks."""

    async def read(self, headers: Mapping[str, str], body: bytes) -> Job:
        """Return the job a webhook speaks of; raise `Unauthorized` unless it is signed, `InvalidInput` otherwise."""


class WebhookService:
    def __init__(self, *, readers: Mapping[str, WebhookReader], jobs: JobService) -> None:
        self._readers = readers
        self._jobs = jobs

    async def receive(self, provider: str, headers: Mapping[str, str], body: bytes, *, of: str | None) -> None:
        """Take in one webhook; *of* is the generation its address names.  A job of nobody's is ignored."""
        reader = self._readers.get(provider)
        if reader is None:
            raise NotFound("There is nothing here.")
        job = await reader.read(headers, body)
        try:
            generation = GenerationId.parse(of) if of else None
        except InvalidInput:
            generation = None
        if not await self._jobs.hear(job, of=generation):
            log.info("a webhook of an unknown job", extra={"provider": provider, "job_id": job.id})

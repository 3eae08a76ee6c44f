"""Jobs that an app started itself, handed to us as the provider described them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from app.domain.catalog import GenerationCatalog, IdempotencyKey
from app.domain.errors import InvalidInput
from app.domain.generations import Generation, Job, JobStatus
from app.domain.ids import IdFactory, UserId
from app.domain.ports import Clock, Provider
from app.services.generation import GenerationService, GenerationView
from app.services.jobs import JobService

log = logging.getLogger(__name__)


class AdoptionService:
    def __init__(
        self,
        *,
        generations: GenerationService,
        catalog: GenerationCatalog,
        jobs: JobService,
        providers: Callable[[str], Provider],
        ids: IdFactory,
        clock: Clock,
        is_hosting: bool,
    ) -> None:
        self._generations = generations
        self._catalog = catalog
        self._jobs = jobs
        self._providers = providers
        self._ids = ids
        self._clock = clock
        self._is_hosting = is_hosting

    async def adopt(
        self,
        user: UserId,
        document: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any],
        wait: timedelta,
        idempotency_key: IdempotencyKey | None = None,
    ) -> GenerationView:
        """Host the outputs of the prediction *document*; answers as `GenerationService.generate` does.

        Raise `InvalidInput` when it is no prediction, `IdempotencyKeyReused`.
        """
        provider = self._providers("replicate")
        try:
            job = await asyncio.to_thread(provider.parse, document)  # it may hold images
        except InvalidInput as refusal:
            raise InvalidInput(refusal.detail, field="prediction") from None
        generation = self._generation(user, job, metadata)
        return await self._generations.adopt(generation, job, wait=wait, idempotency_key=idempotency_key)

    async def take(self, user: UserId, job: Job) -> None:
        """Host the outputs of *job* for *user*, waiting for nothing; one that is known already is observed.

        Nothing is taken from before the user was erased.
        """
        generation = await self._catalog.adopt(self._generation(user, job, {}), made_at=job.created_at)
        if generation is None:
            log.info("news of a job from before an erasure", extra={"provider": job.provider, "job_id": job.id})
        else:
            await self._jobs.observe(generation, job)

    def _generation(self, user: UserId, job: Job, metadata: Mapping[str, Any]) -> Generation:
        now = self._clock()
        return Generation(
            id=self._ids.generation(),
            user=user,
            provider=job.provider,
            status=JobStatus.STARTING,
            created_at=now,
            first_image=self._ids.image(),
            hosted=self._is_hosting,
            model=job.model,
            version=job.version,
            input_sha256=job.input_sha256,
            job_id=job.id,
            next_poll_at=now,
            metadata=metadata,
        )

"""Finding the job of a generation whose answer we never saw: the provider's own list is consulted."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from app.domain.catalog import GenerationCatalog
from app.domain.errors import AppError
from app.domain.generations import Generation, Job
from app.domain.ids import GenerationId
from app.domain.ports import Clock, Provider
from app.services.jobs import JobService

log = logging.getLogger(__name__)

_SKEW = timedelta(seconds=60)
_ANSWER_TIME = timedelta(minutes=2)
_PATIENCE = timedelta(minutes=10)


class Reconciler:
    def __init__(
        self,
        *,
        generations: GenerationCatalog,
        providers: Callable[[str], Provider],
        jobs: JobService,
        clock: Clock,
    ) -> None:
        self._generations = generations
        self._providers = providers
        self._jobs = jobs
        self._clock = clock
        self._started_at = clock()
        self._being_launched: set[GenerationId] = set()

    @contextmanager
    def hands_off(self, generation: GenerationId) -> Iterator[None]:
        """Keep `reconcile` from a generation whose provider is just being called by this process."""
        self._being_launched.add(generation)
        try:
            yield
        finally:
            self._being_launched.discard(generation)

    async def reconcile(self) -> None:
        """Find the jobs of open generations without one.

        Those from before this process are due at once: whoever called the provider for them is gone.  A younger one
        may be waiting for its answer in another process.
        """
        before = max(self._started_at, self._clock() - _ANSWER_TIME)
        for generation in await self._generations.orphans(before=before):
            if generation.id not in self._being_launched:
                await self._reconcile(generation)

    async def find_job(self, generation: Generation) -> Job | None:
        """Return the job the provider's list shows for *generation*; raises what `Provider.recent` raises."""
        since = generation.created_at - _SKEW
        async for job in self._providers(generation.provider).recent(since):
            if _names(job, generation):
                return job
            if _resembles(job, generation, since) and not await self._is_known(job):
                return job
        return None

    async def _reconcile(self, generation: Generation) -> None:
        try:
            job = await self.find_job(generation)
        except AppError as refusal:
            log.warning("a provider's list could not be had", extra={"error": refusal.code})
            return
        if job is not None:
            log.info("a lost job was found", extra={"generation_id": str(generation.id), "job_id": job.id})
            await self._jobs.observe(generation, job)
        elif self._clock() - generation.created_at > _PATIENCE:
            await self._jobs.give_up(generation, "not_started", "The provider never started this job.")

    async def _is_known(self, job: Job) -> bool:
        return bool(await self._generations.find_job(job.provider, job.id))


def _names(job: Job, generation: Generation) -> bool:
    """Whether the job would call back for this very generation."""
    return job.webhook is not None and str(generation.id) in job.webhook


def _resembles(job: Job, generation: Generation, since: datetime) -> bool:
    """Whether the job was asked for the same thing, not before this generation was begun."""
    if job.webhook is not None and "gen_" in job.webhook:
        return False  # it says whose it is
    is_same = job.input_sha256 is not None and job.input_sha256 == generation.input_sha256
    return is_same and (job.created_at is None or job.created_at >= since)

"""Finding the job of a generation whose answer we never saw: the provider's own list is consulted."""

import logging
import re
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
_VERSION = re.compile(r"[0-9a-f]{64}")


class Reconciler:
    def __init__(
        self,
        *,
        generations: GenerationCatalog,
        providers: Callable[[str], Provider],
        jobs: JobService,
        clock: Clock,
        since: datetime | None = None,
        tell_lost: Callable[[str], object] = lambda _: None,
        hearing: timedelta = timedelta(),
    ) -> None:
        """*since* is when the first process of this deployment began, if there are several; one of them reconciles.

        *tell_lost* passes on to it what is noted here.  *hearing* is how long a job may yet call us that no list shows.
        """
        self._generations = generations
        self._providers = providers
        self._jobs = jobs
        self._clock = clock
        self._is_alone = since is None
        self._tell_lost = tell_lost
        self._started_at = since or clock()
        self._hearing = hearing
        self._being_launched: dict[GenerationId, str | None] = {}
        self._lost: set[GenerationId] = set()

    @contextmanager
    def hands_off(self, generation: Generation) -> Iterator[None]:
        """Keep `reconcile` from a generation whose provider is just being called by this process."""
        self._being_launched[generation.id] = generation.input_sha256
        try:
            yield
        finally:
            del self._being_launched[generation.id]

    def note_lost(self, generation: GenerationId) -> None:
        """Say that no answer will come for *generation*, however young it is."""
        self._lost.add(generation)
        self._tell_lost(str(generation))

    def hear_lost(self, generation: GenerationId) -> None:
        """Take in what another process has noted."""
        self._lost.add(generation)

    async def reconcile(self) -> bool:
        """Find the jobs of open generations without one; False when that could not be done for all of them.

        Those from before this process are due at once: whoever called the provider for them is gone.  A younger one
        may be waiting for its answer in another process.
        """
        before = self._answered_by_now()
        orphans = await self._generations.orphans(before=self._clock())
        self._lost.intersection_update(orphan.id for orphan in orphans)
        for generation in orphans:
            is_due = generation.created_at < before or generation.id in self._lost
            if is_due and generation.id not in self._being_launched:
                try:
                    await self._reconcile(generation)
                except AppError as refusal:
                    # Most likely the provider: what it does not say for one it will not say for the next.
                    log.warning("generations could not be reconciled", extra={"error": refusal.code})
                    return False
        return True

    def can_find(self, generation: Generation) -> bool:
        """Whether the job of *generation* would be found, had it been started: its provider has a list."""
        return self._providers(generation.provider).has_list

    async def find_job(self, generation: Generation) -> Job | None:
        """Return the job the provider's list shows for *generation*; raises what `Provider.recent` raises."""
        since = generation.created_at - _SKEW
        contested = await self._contested(generation)
        likely = None
        async for job in self._providers(generation.provider).recent(since):
            if _names(job, generation):
                return job
            is_likely = likely is None and job.input_sha256 not in contested and _resembles(job, generation, since)
            if is_likely and not await self._is_known(job):
                likely = job
        return likely

    async def _reconcile(self, generation: Generation) -> None:
        if not generation.is_prepared:
            await self._jobs.give_up(generation, "not_started", "The service stopped before it called the provider.")
            await self._generations.release_key(generation.id)
            return
        job = await self.find_job(generation)
        if job is not None:
            log.info("a lost job was found", extra={"generation_id": str(generation.id), "job_id": job.id})
            await self._jobs.observe(generation, job)
        elif self._clock() - generation.created_at > (_PATIENCE if self.can_find(generation) else self._hearing):
            await self._jobs.give_up(generation, "not_started", "Nothing shows that the provider started this job.")

    async def _contested(self, generation: Generation) -> set[str | None]:
        """Return what others ask for who still wait for their answer, in this process or in another one."""
        here = {asked for other, asked in self._being_launched.items() if other != generation.id}
        if self._is_alone:
            return here
        waiting = await self._generations.orphans(before=self._clock())
        self._lost.intersection_update(other.id for other in waiting)
        return here | {
            other.input_sha256
            for other in waiting
            if other.id not in {generation.id, *self._lost} and other.created_at >= self._answered_by_now()
        }

    def _answered_by_now(self) -> datetime:
        """Return since when a provider that was called may still be about to answer."""
        return max(self._started_at, self._clock() - _ANSWER_TIME)

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
    return is_same and _runs_the_same(job, generation) and (job.created_at is None or job.created_at >= since)


def _runs_the_same(job: Job, generation: Generation) -> bool:
    """Whether nothing that both sides name differs; a deployment is known by its model's name to the provider only."""
    asked = generation.model or generation.version or ""
    if asked.startswith("deployments/"):
        return True
    named, _, version = ("", "", asked) if _VERSION.fullmatch(asked) else asked.partition(":")
    is_other_model = bool(named and job.model) and named.lower() != (job.model or "").lower()
    is_other_version = bool(version and job.version and _VERSION.fullmatch(job.version)) and version != job.version
    return not is_other_model and not is_other_version

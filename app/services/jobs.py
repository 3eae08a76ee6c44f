"""What a provider says of a job becomes what the catalog knows: from an answer, a poll, a webhook or a list alike.

All of them end in `observe`, which may be told the same thing any number of times, in any order.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from app.domain.catalog import GenerationCatalog
from app.domain.errors import AppError, NotFound
from app.domain.generations import Generation, Job, JobStatus
from app.domain.ids import GenerationId
from app.domain.ports import Clock, Provider
from app.services.signals import Signals
from app.services.sources import Sources

log = logging.getLogger(__name__)

_YOUNG = timedelta(minutes=1)
_LONGEST_ERROR = 2000


class JobService:
    """*lifetime* is how long a job may run before it is given up and cancelled."""

    def __init__(
        self,
        *,
        generations: GenerationCatalog,
        providers: Callable[[str], Provider],
        sources: Sources,
        signals: Signals,
        clock: Clock,
        kick: Callable[[], None],
        lifetime: timedelta,
    ) -> None:
        self._generations = generations
        self._providers = providers
        self._sources = sources
        self._signals = signals
        self._clock = clock
        self._kick = kick
        self._lifetime = lifetime

    async def observe(self, generation: Generation, job: Job, *, take_early: bool = False) -> Generation:
        """Record the state and the outputs of a job; *take_early* takes outputs of one that has not ended.

        Outputs of a running job are not final, so by themselves they wait for its end.
        """
        if generation.hosted and job.outputs and (job.status.is_terminal or take_early):
            # Outputs before the end: a crash in between finds the generation open and observes it again.
            await self._generations.add_outputs(generation.id, self._sources.outputs(generation, job))
            self._kick()
        if (job.status, job.id) != (generation.status, generation.job_id):
            generation = await self._record(generation, job)
        self._signals.announce(generation.id)
        return generation

    async def hear(self, job: Job, *, of: GenerationId | None) -> bool:
        """Observe a job that called us; *of* is the generation its address names.  False when it is nobody's."""
        known = await self._generations.find_job(job.provider, job.id)
        if not known and of is not None:
            named = await self._generations.find(of)
            known = [named] if named and named.provider == job.provider and named.job_id is None else []
        for generation in known:
            await self.observe(generation, job)
        return bool(known)

    async def poll(self, generation: Generation) -> Job | None:
        """Ask the provider and observe its answer; None when it could not be asked."""
        if generation.job_id is None:
            return None
        try:
            job = await self._providers(generation.provider).get(generation.job_id)
        except NotFound:
            if self._clock() - generation.created_at > _YOUNG:
                await self.give_up(generation, "job_unknown", "The provider no longer knows this job.")
            return None
        except AppError as refusal:
            log.warning("a poll failed", extra={"generation_id": str(generation.id), "error": refusal.code})
            return None
        await self.observe(generation, job)
        return job

    async def poll_due(self) -> None:
        """Poll the open generations that nobody has asked about for a while."""
        now = self._clock()
        for generation in await self._generations.due(now=now, limit=50):
            if await self._generations.postpone(generation, until=now + _poll_delay(generation)):
                await self._poll_or_give_up(generation)

    async def give_up(self, generation: Generation, code: str, error: str) -> None:
        """End a generation whose job will never be heard of again."""
        log.error("a generation is given up", extra={"generation_id": str(generation.id), "reason": code})
        await self._generations.update(
            generation.id, status=JobStatus.FAILED, job_id=None, error=error, error_code=code, at=self._clock()
        )
        self._signals.announce(generation.id)

    async def cancel(self, generation: Generation) -> None:
        """Ask the provider to stop the job, and observe what it says; raises what `Provider.cancel` raises."""
        if generation.job_id is not None:
            job = await self._providers(generation.provider).cancel(generation.job_id)
            await self.observe(generation, job)

    async def find(self, generation: GenerationId) -> Generation:
        """Return the generation; raise `NotFound`."""
        found = await self._generations.find(generation)
        if found is None:
            raise NotFound("There is no such generation.")
        return found

    async def _poll_or_give_up(self, generation: Generation) -> None:
        await self.poll(generation)
        current = await self.find(generation.id)
        if current.status.is_terminal or self._clock() - current.created_at < self._lifetime:
            return
        try:
            await self.cancel(current)
        except AppError as refusal:
            log.warning("a job could not be cancelled", extra={"error": refusal.code})
        if not (await self.find(generation.id)).status.is_terminal:
            await self.give_up(current, "generation_timeout", "The job did not end in time.")

    async def _record(self, generation: Generation, job: Job) -> Generation:
        error, code = _verdict(job)
        return await self._generations.update(
            generation.id, status=job.status, job_id=job.id, error=error, error_code=code, at=self._clock()
        )


def _verdict(job: Job) -> tuple[str | None, str | None]:
    """Return the error of a job that has ended without what it was begun for, and its stable code."""
    if not job.status.is_terminal:
        return None, None
    if job.status is not JobStatus.SUCCEEDED:
        return (job.error or f"The provider ended the job as {job.status}.")[:_LONGEST_ERROR], "generation_failed"
    if job.outputs:
        return None, None
    if job.outputs_removed:
        return "The provider has already deleted the outputs.", "source_gone"
    return "The model returned no image.", "no_output"


def _poll_delay(generation: Generation) -> timedelta:
    return timedelta(seconds=min(2.0 * 2 ** min(generation.polls, 5), 30.0))

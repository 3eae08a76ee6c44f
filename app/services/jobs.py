"""What a provider says of a job becomes what the catalog knows: from an answer, a poll, a webhook or a list alike.

All of them end in `observe`, which may be told the same thing any number of times, in any order.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
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
_POLLED_AT_ONCE = 50


async def _take_note(_: GenerationId) -> None:
    """Do nothing."""


class JobService:
    """*lifetime* is how long a job may run before it is given up and cancelled.

    *on_ended* is told of each generation that has ended, perhaps more than once; it does not raise.
    """

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
        on_ended: Callable[[GenerationId], Awaitable[object]] = _take_note,
    ) -> None:
        self._generations = generations
        self._providers = providers
        self._sources = sources
        self._signals = signals
        self._clock = clock
        self._kick = kick
        self._lifetime = lifetime
        self._on_ended = on_ended

    async def observe(self, generation: Generation, job: Job, *, take_early: bool = False) -> Generation:
        """Record the state and the outputs of a job; *take_early* takes outputs of one that has not ended.

        Outputs of a running job are not final, so by themselves they wait for its end.
        """
        if generation.hosted and job.outputs and (job.status.is_terminal or take_early):
            # Outputs before the end: a crash in between finds the generation open and observes it again.
            await self._generations.add_outputs(generation.id, await self._sources.outputs(generation, job))
            self._kick()
        if (job.status, job.id) != (generation.status, generation.job_id):
            generation = await self._record(generation, job)
        self._signals.announce(generation.id)
        return generation

    async def hear(self, job: Job, *, of: GenerationId | None) -> bool:
        """Observe a job that called us; *of* is the generation its address names.  False when it is nobody's."""
        # The named one first: its job's id may be written between the two questions.
        named = None if of is None else await self._generations.find(of)
        known = {generation.id: generation for generation in await self._generations.find_job(job.provider, job.id)}
        if named is not None and named.provider == job.provider and named.job_id is None:
            known[named.id] = known.get(named.id, named)
        for generation in known.values():
            await self.observe(generation, job)
        return bool(known)

    async def poll(self, generation: Generation, *, patience: timedelta | None = None) -> Job | None:
        """Ask the provider, for as long as *patience*, and observe its answer; None when there is none."""
        if generation.job_id is None:
            return None
        try:
            # Only the question is bounded: what is being written is written.
            async with asyncio.timeout(patience.total_seconds() if patience else None):
                provider = self._providers(generation.provider)
                job = await provider.get(generation.job_id, model=generation.model)
        except TimeoutError:
            return None
        except NotFound:
            await self._miss(generation)
            return None
        except AppError as refusal:
            log.warning("a poll failed", extra={"generation_id": str(generation.id), "error": refusal.code})
            return None
        await self.observe(generation, job)
        return job

    async def poll_due(self) -> None:
        """Poll the open generations that nobody has asked about for a while, side by side: one may take its time."""
        due = await self._generations.due(now=self._clock(), limit=_POLLED_AT_ONCE)
        await asyncio.gather(*(self._tend(generation) for generation in due))

    async def give_up(self, generation: Generation, code: str, error: str) -> None:
        """End a generation whose job will never be heard of again."""
        log.error("a generation is given up", extra={"generation_id": str(generation.id), "reason": code})
        await self._end(generation, JobStatus.FAILED, code, error)

    async def forget(self, generation: GenerationId) -> None:
        """Leave no trace of a generation that came to nothing before its job began."""
        await self._on_ended(generation)
        await self._generations.forget(generation)

    async def cancel(self, generation: Generation) -> None:
        """Ask the provider to stop the job, and observe what it says; raises `Provider.cancel`'s but `NotFound`.

        A generation no job was found for ends here; should its job turn up, whoever finds it calls it off.
        """
        if generation.job_id is None:
            await self._end(generation, JobStatus.CANCELED, "generation_failed", "It was canceled before it began.")
            return
        try:
            provider = self._providers(generation.provider)
            job = await provider.cancel(generation.job_id, model=generation.model)
        except NotFound:
            await self._miss(generation)
        else:
            await self.observe(generation, job)

    async def call_off(self, job: Job) -> None:
        """Ask the provider to stop a job whose outcome nobody wants; that it does not is only logged."""
        try:
            await self._providers(job.provider).cancel(job.id, model=job.model)
        except AppError as refusal:
            log.warning("a job could not be cancelled", extra={"job_id": job.id, "error": refusal.code})

    async def find(self, generation: GenerationId) -> Generation:
        """Return the generation; raise `NotFound`."""
        found = await self._generations.find(generation)
        if found is None:
            raise NotFound("There is no such generation.")
        return found

    async def _tend(self, generation: Generation) -> None:
        """Poll one generation; whatever comes of it is no other's business."""
        try:
            if await self._generations.postpone(generation, until=self._clock() + _poll_delay(generation)):
                await self._poll_or_give_up(generation)
        except Exception:
            log.exception("a generation could not be polled", extra={"generation_id": str(generation.id)})

    async def _poll_or_give_up(self, generation: Generation) -> None:
        job = await self.poll(generation)
        current = await self._generations.find(generation.id)
        # A provider that cannot be asked may hold outputs as long as they can live; only its word ends it earlier.
        keeps = self._providers(generation.provider).keeps
        patience = self._lifetime if job is not None else self._lifetime + keeps
        if current is None or current.status.is_terminal or self._clock() - current.created_at < patience:
            return
        try:
            await self.cancel(current)
        except AppError as refusal:
            log.warning("a job could not be cancelled", extra={"error": refusal.code})
        current = await self._generations.find(generation.id)
        if current is not None and not current.status.is_terminal:
            await self.give_up(current, "generation_timeout", "The job did not end in time.")

    async def _miss(self, generation: Generation) -> None:
        """Take in that the provider does not know the job: of a young one it may not know yet."""
        if self._clock() - generation.created_at > _YOUNG:
            await self.give_up(generation, "job_unknown", "The provider no longer knows this job.")

    async def _end(self, generation: Generation, status: JobStatus, code: str, error: str) -> None:
        await self._generations.update(
            generation.id, status=status, job_id=None, error=error, error_code=code, at=self._clock()
        )
        await self._on_ended(generation.id)
        self._signals.announce(generation.id)

    async def _record(self, generation: Generation, job: Job) -> Generation:
        error, code = _verdict(job)
        generation = await self._generations.update(
            generation.id, status=job.status, job_id=job.id, error=error, error_code=code, at=self._clock()
        )
        if generation.status.is_terminal:
            await self._on_ended(generation.id)
        return generation


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

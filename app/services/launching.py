"""Starting a provider's job: the intent is a row before the provider is called, and the call is never repeated.

The call is a task of its own.  A caller whose wait is over gets a promise while the call goes on, so that neither a
slow provider nor a client that leaves can lose the answer to something that is being paid for.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from app.domain.catalog import GenerationCatalog, IdempotencyKey
from app.domain.errors import AppError, ProviderAnswerLost
from app.domain.generations import Generation, Job, JobStatus, Order, input_fingerprint
from app.domain.ids import GenerationId, IdFactory, UserId
from app.domain.ports import Clock, Provider
from app.services.jobs import JobService
from app.services.reconciling import Reconciler
from app.services.signals import Signals

log = logging.getLogger(__name__)

_LONGEST_WAIT = timedelta(seconds=60)
_FIRST_POLL = timedelta(seconds=1)
_LATENESS_SECONDS = 0.3
_LEAST_PATIENCE_SECONDS = 1.0
_JOINING_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """What an app asks to have run, and how long it waits for the outcome."""

    user: UserId
    provider: str
    order: Order
    wait: timedelta
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Preparation(Protocol):
    """What becomes of an order before it is sent."""

    async def is_ready(self, order: Order, provider: str) -> bool:
        """Whether *order* goes to *provider* as it is."""

    async def ready(self, order: Order, generation: Generation) -> Order:
        """Return *order* as it is to be sent; raise as `Provider.create` does, but never leave any doubt."""

    async def release(self, generation: GenerationId) -> None:
        """Undo what was done for a generation; never fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How jobs are started here.  *webhook_url* is None where the provider cannot reach us."""

    webhook_url: Callable[[str, GenerationId], str | None]
    cancel_after: timedelta
    is_hosting: bool
    preparation: Preparation


@dataclass(frozen=True, slots=True)
class Launched:
    """The generation, and what the provider said when it was started (None: nothing yet, or it was started before)."""

    generation: Generation
    job: Job | None


@dataclass(slots=True)
class _Call:
    """A call to a provider that is under way.  Once promised, a generation is not forgotten; once refused, it is."""

    task: asyncio.Task[Launched]
    is_promised: bool = False
    is_refused: bool = False


class Launcher:
    def __init__(
        self,
        *,
        generations: GenerationCatalog,
        providers: Callable[[str], Provider],
        jobs: JobService,
        reconciler: Reconciler,
        signals: Signals,
        ids: IdFactory,
        clock: Clock,
        terms: Terms,
    ) -> None:
        self._generations = generations
        self._providers = providers
        self._jobs = jobs
        self._reconciler = reconciler
        self._signals = signals
        self._ids = ids
        self._clock = clock
        self._terms = terms
        self._calls: dict[GenerationId, _Call] = {}

    async def launch(self, request: GenerationRequest, *, idempotency_key: IdempotencyKey | None) -> Launched:
        """Start a job, unless this idempotency key has started one before, and wait for the provider's word on it.

        Raise what `Provider.create` raises where certainly nothing was started; then no trace of it is left.
        """
        provider = self._providers(request.provider)
        is_ready = await self._terms.preparation.is_ready(request.order, provider.name)
        intent = self._intent(request, is_prepared=is_ready)
        generation = await self._generations.begin(intent, idempotency_key=idempotency_key)
        if generation.id == intent.id:
            task = asyncio.create_task(self._start(provider, generation, request), name=f"launch {generation.id}")
            self._calls[generation.id] = _Call(task)
            task.add_done_callback(lambda ended: self._ended(generation.id, ended))
        # A refusal is worth a moment even to those who do not want to wait.
        seconds = max(request.wait.total_seconds() + _LATENESS_SECONDS, _LEAST_PATIENCE_SECONDS)
        return await self._word(generation, seconds)

    async def find_job(self, generation: Generation) -> Generation:
        """Return *generation* with its job, if there is one: from the call under way, or from the provider's list."""
        if generation.job_id is None and generation.id in self._calls:
            await asyncio.wait({self._calls[generation.id].task}, timeout=_JOINING_SECONDS)
            generation = await self._jobs.find(generation.id)
        if generation.job_id is None and not generation.status.is_terminal:
            job = await self._reconciler.find_job(generation)
            generation = generation if job is None else await self._jobs.observe(generation, job)
        return generation

    async def stop(self, grace: timedelta) -> None:
        """Wait for the calls under way, up to *grace*, and drop the rest: the next start finds their jobs."""
        tasks = {call.task for call in self._calls.values()}
        if tasks:
            await asyncio.wait(tasks, timeout=grace.total_seconds())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _word(self, generation: Generation, seconds: float) -> Launched:
        """Return what comes of the call for *generation*, or after *seconds* leave it to itself."""
        call = self._calls.get(generation.id)
        if call is None:
            return Launched(generation, None)

        async def look() -> Generation | None:
            # A webhook may know more than a call that hangs; a refusal may just be taking the row away.
            return None if call.task.done() else await self._generations.find(generation.id)

        seen = await self._signals.wait(
            generation.id, look, done=lambda seen: seen is None or seen.status.is_terminal, seconds=seconds
        )
        if call.task.done() or call.is_refused:
            return await asyncio.shield(call.task)
        call.is_promised = True
        return Launched(seen or generation, None)

    async def _start(self, provider: Provider, generation: Generation, request: GenerationRequest) -> Launched:
        with self._reconciler.hands_off(generation):
            try:
                order = await self._prepared(request.order, generation)
                if order is None:
                    return Launched(await self._jobs.find(generation.id), None)
                job = await provider.create(
                    order,
                    wait=min(request.wait, _LONGEST_WAIT),
                    cancel_after=self._terms.cancel_after,
                    webhook=self._terms.webhook_url(request.provider, generation.id),
                )
            except ProviderAnswerLost as refusal:
                log.warning("an answer was lost", extra={"generation_id": str(generation.id), "error": refusal.detail})
                return await self._look_for(generation, refusal)
            except AppError as refusal:
                await self._refuse(generation, refusal)
                raise
            return Launched(await self._take(generation, job), job)

    async def _prepared(self, order: Order, generation: Generation) -> Order | None:
        """Return *order* as it is to be sent; None when it is not to be sent any more.

        The catalog says so before it is: one that was still being prepared when its process died was never sent.
        """
        if generation.is_prepared:
            return order
        order = await self._terms.preparation.ready(order, generation)
        if await self._generations.mark_prepared(generation.id):
            return order
        await self._terms.preparation.release(generation.id)
        return None

    async def _take(self, generation: Generation, job: Job) -> Generation:
        """Observe the job of *generation*; one that was canceled or erased meanwhile is not left to run."""
        current = await self._generations.find(generation.id)
        if current is not None:
            current = await self._jobs.observe(current, job)
        if not job.status.is_terminal and (current is None or current.status is JobStatus.CANCELED):
            await self._jobs.call_off(job)
        return current or await self._jobs.find(generation.id)

    async def _refuse(self, generation: Generation, refusal: AppError) -> None:
        """Leave no trace of a generation that came to nothing, or its end where its URL was given out."""
        call = self._calls[generation.id]
        call.is_refused = not call.is_promised
        if call.is_refused:
            await self._jobs.forget(generation.id)
            return
        await self._jobs.give_up(generation, refusal.code, refusal.detail)
        await self._generations.release_key(generation.id)

    async def _look_for(self, generation: Generation, refusal: ProviderAnswerLost) -> Launched:
        """Find out whether the job was started after all; only a clear no lets the caller try again."""
        current = await self._jobs.find(generation.id)
        if current.job_id is not None or current.status.is_terminal:
            return Launched(current, None)  # its webhook was faster
        if not self._reconciler.can_find(generation) and self._terms.webhook_url(generation.provider, generation.id):
            return Launched(generation, None)  # stays open: if it was started, its webhook says so
        try:
            job = await self._reconciler.find_job(generation)
        except AppError:
            self._reconciler.note_lost(generation.id)
            return Launched(generation, None)  # stays open; the reconciler asks again
        if job is not None:
            return Launched(await self._take(generation, job), job)
        # The row stays: should the job turn up after all, its webhook still finds where its outputs belong.
        await self._jobs.give_up(generation, "not_started", refusal.detail)
        await self._generations.release_key(generation.id)
        refusal.details["generation_id"] = str(generation.id)
        raise refusal

    def _ended(self, generation: GenerationId, task: asyncio.Task[Launched]) -> None:
        del self._calls[generation]
        if not task.cancelled() and (failure := task.exception()) and not isinstance(failure, AppError):
            log.error("a launch failed", exc_info=failure, extra={"generation_id": str(generation)})
        self._signals.announce(generation)

    def _intent(self, request: GenerationRequest, *, is_prepared: bool) -> Generation:
        now = self._clock()
        return Generation(
            id=self._ids.generation(),
            user=request.user,
            provider=request.provider,
            status=JobStatus.STARTING,
            created_at=now,
            first_image=self._ids.image(),
            is_prepared=is_prepared,
            hosted=self._terms.is_hosting,
            model=request.order.model,
            version=request.order.version,
            input_sha256=input_fingerprint(request.order.input),
            next_poll_at=now + _FIRST_POLL,
            metadata=request.metadata,
        )

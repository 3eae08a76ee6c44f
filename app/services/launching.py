"""Starting a provider's job: the intent is a row before the provider is called, and the call is never repeated."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.domain.catalog import GenerationCatalog, IdempotencyKey
from app.domain.errors import AppError, ProviderAnswerLost
from app.domain.generations import Generation, Job, JobStatus, Order, input_fingerprint
from app.domain.ids import GenerationId, IdFactory, UserId
from app.domain.ports import Clock, Provider
from app.services.jobs import JobService
from app.services.reconciling import Reconciler

log = logging.getLogger(__name__)

_LONGEST_WAIT = timedelta(seconds=60)
_FIRST_POLL = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """What an app asks to have run, and how long it waits for the outcome."""

    user: UserId
    provider: str
    order: Order
    wait: timedelta
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How jobs are started here.  *webhook_url* is None where the provider cannot reach us."""

    webhook_url: Callable[[str, GenerationId], str | None]
    cancel_after: timedelta
    is_hosting: bool


@dataclass(frozen=True, slots=True)
class Launched:
    """The generation, and what the provider said when it was started (None: nothing, or it was started before)."""

    generation: Generation
    job: Job | None


class Launcher:
    def __init__(
        self,
        *,
        generations: GenerationCatalog,
        providers: Callable[[str], Provider],
        jobs: JobService,
        reconciler: Reconciler,
        ids: IdFactory,
        clock: Clock,
        terms: Terms,
    ) -> None:
        self._generations = generations
        self._providers = providers
        self._jobs = jobs
        self._reconciler = reconciler
        self._ids = ids
        self._clock = clock
        self._terms = terms

    async def launch(self, request: GenerationRequest, *, idempotency_key: IdempotencyKey | None) -> Launched:
        """Start a job, unless this idempotency key has started one before.

        Raise what `Provider.create` raises where certainly nothing was started; then no trace of it is left.
        """
        provider = self._providers(request.provider)
        intent = self._intent(request)
        generation = await self._generations.begin(intent, idempotency_key=idempotency_key)
        if generation.id != intent.id:
            return Launched(generation, None)
        with self._reconciler.hands_off(generation.id):
            return await self._start(provider, generation, request)

    async def _start(self, provider: Provider, generation: Generation, request: GenerationRequest) -> Launched:
        try:
            job = await provider.create(
                request.order,
                wait=min(request.wait, _LONGEST_WAIT),
                cancel_after=self._terms.cancel_after,
                webhook=self._terms.webhook_url(request.provider, generation.id),
            )
        except ProviderAnswerLost as refusal:
            log.warning("an answer was lost", extra={"generation_id": str(generation.id), "error": refusal.detail})
            return await self._look_for(generation, refusal)
        except AppError:
            await self._generations.forget(generation.id)
            raise
        return Launched(await self._jobs.observe(generation, job), job)

    async def _look_for(self, generation: Generation, refusal: ProviderAnswerLost) -> Launched:
        """Find out whether the job was started after all; only a clear no lets the caller try again."""
        try:
            job = await self._reconciler.find_job(generation)
        except AppError:
            return Launched(generation, None)  # stays open; the reconciler asks again
        if job is not None:
            return Launched(await self._jobs.observe(generation, job), job)
        # The row stays: should the job turn up after all, its webhook still finds where its outputs belong.
        await self._jobs.give_up(generation, "not_started", refusal.detail)
        await self._generations.release_key(generation.id)
        raise refusal

    def _intent(self, request: GenerationRequest) -> Generation:
        now = self._clock()
        return Generation(
            id=self._ids.generation(),
            user=request.user,
            provider=request.provider,
            status=JobStatus.STARTING,
            created_at=now,
            first_image=self._ids.image(),
            hosted=self._terms.is_hosting,
            model=request.order.model,
            version=request.order.version,
            input_sha256=input_fingerprint(request.order.input),
            next_poll_at=now + _FIRST_POLL,
            metadata=request.metadata,
        )

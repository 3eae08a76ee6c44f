"""The provider's list against what we hold: what a webhook would have told us, had it reached us."""

import logging
from collections.abc import Callable
from datetime import timedelta

from app.domain.catalog import GenerationCatalog
from app.domain.errors import AppError, ProviderNotConfigured
from app.domain.generations import Job
from app.domain.ports import Clock, Provider
from app.services.callbacks import Address, Callbacks
from app.services.webhooks import WebhookService

log = logging.getLogger(__name__)

_KEPT = timedelta(hours=1)
"""How long Replicate keeps what an older job made."""

_OVERLAP = timedelta(minutes=40)
"""A job is listed by when it was created, and ends up to half an hour later."""


class ListComparison:
    def __init__(
        self,
        *,
        provider: Callable[[], Provider],
        generations: GenerationCatalog,
        callbacks: Callbacks,
        webhooks: WebhookService,
        clock: Clock,
    ) -> None:
        self._provider = provider
        self._generations = generations
        self._callbacks = callbacks
        self._webhooks = webhooks
        self._clock = clock
        self._since = clock() - _KEPT - _OVERLAP

    async def compare(self) -> None:
        """Take in every listed job that has ended and whose address is ours, as if its webhook had just come."""
        began = self._clock()
        try:
            async for job in self._provider().recent(self._since):
                address = self._callbacks.read_url(job.provider, job.webhook)
                if job.status.is_terminal and address != Address() and not await self._is_settled(job):
                    await self._webhooks.take_in(job, address)
        except ProviderNotConfigured:
            return
        except AppError as refusal:
            log.warning("the provider's list could not be compared", extra={"error": refusal.code})
            return
        self._since = began - _OVERLAP

    async def _is_settled(self, job: Job) -> bool:
        known = await self._generations.find_job(job.provider, job.id)
        return bool(known) and all(generation.status.is_terminal for generation in known)

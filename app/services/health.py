"""Whether the service can do its work: the volume takes a write, the catalog answers, and there is space."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import inf

from app.domain.captures import Risk, at_risk_by
from app.domain.catalog import CaptureQueue
from app.domain.errors import AppError
from app.domain.metrics import Levels, SuccessLog
from app.domain.ports import BlobStore, Clock, Monotonic

log = logging.getLogger(__name__)

_FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """*problems* is empty when all is well; sizes in bytes."""

    problems: dict[str, str]
    free: int | None
    captures: int | None


class HealthService:
    """Checks at most once in five seconds, however often it is asked: the probe writes and syncs."""

    def __init__(
        self, *, blobs: BlobStore, queue: CaptureQueue, successes: SuccessLog, clock: Clock, monotonic: Monotonic
    ) -> None:
        self._blobs = blobs
        self._queue = queue
        self._successes = successes
        self._clock = clock
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._last: tuple[float, Health] | None = None
        self._stopping = False

    def stop(self) -> None:
        """From now on we are not ready: the service is being shut down."""
        self._stopping = True

    async def check(self) -> Health:
        async with self._turn:
            if self._last is None or self._monotonic() - self._last[0] >= _FRESH_SECONDS:
                self._last = (self._monotonic(), await self._check())
        health = self._last[1]
        if self._stopping:
            return Health(problems={"service": "stopping"}, free=health.free, captures=health.captures)
        return health

    async def measure(self) -> Levels:
        """Return the levels of this moment; what the volume says may be five seconds old."""
        health = await self.check()
        now = self._clock()
        risk = successes = None
        # A catalog that fails is said by `is_ready`; whoever watches must learn that, not be refused.
        with suppress(AppError):
            risk = await self._queue.risk(by=at_risk_by(now))
            successes = await self._successes.latest()
        return Levels(
            risk=risk,
            seconds_to_deadline=None if risk is None else _seconds_left(risk, now),
            free_bytes=health.free,
            is_ready=not health.problems,
            successes=successes,
        )

    async def _check(self) -> Health:
        problems: dict[str, str] = {}
        free = captures = None
        try:
            await self._blobs.probe()
            free = (await self._blobs.space()).free
        except AppError as refusal:
            problems["volume"] = refusal.code
        try:
            captures = (await self._queue.backlog()).open
        except AppError as refusal:
            problems["database"] = refusal.code
        if problems:
            log.error("not ready", extra={"problems": problems})
        return Health(problems=problems, free=free, captures=captures)


def _seconds_left(risk: Risk, now: datetime) -> float:
    return inf if risk.earliest_deadline is None else (risk.earliest_deadline - now).total_seconds()

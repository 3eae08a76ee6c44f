"""A provider and its delivery host on a simulated clock: jobs end, outputs live for an hour, much goes wrong."""

import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.domain.errors import (
    InvalidInput,
    NotFound,
    ProviderAnswerLost,
    ProviderThrottled,
    ProviderUnreachable,
    SourceGone,
    SourceUnavailable,
)
from app.domain.generations import Job, JobStatus, Order, input_fingerprint
from app.domain.ports import Source, Staging
from benchmarks.reliability.stage import bytes_of
from benchmarks.reliability.weather import Weather

_LIFETIME = timedelta(hours=1)
_HOST = "https://replicate.delivery"
_FAILING = 0.03
_EARLY = timedelta(seconds=1)
DURATIONS = (0.5, 2.0, 2.0, 5.0, 5.0, 5.0, 15.0, 15.0, 60.0, 60.0, 60.0, 25 * 60.0)


@dataclass(slots=True, kw_only=True)
class SimJob:
    """One job; *told* are the moments at which its webhook is called."""

    id: str
    asked: Mapping[str, Any]
    created_at: datetime
    ends_at: datetime
    outputs: int
    is_failing: bool
    is_slow_to_appear: bool
    webhook: str | None
    canceled: bool = False

    @property
    def expires_at(self) -> datetime:
        return self.ends_at + _LIFETIME

    @property
    def is_good(self) -> bool:
        return not self.is_failing and not self.canceled

    def urls(self) -> tuple[str, ...]:
        return tuple(f"{_HOST}/{self.id}/out-{index}.png" for index in range(self.outputs))


def content_of(job_id: str, index: int) -> bytes:
    return bytes_of(f"{job_id}/{index}")


@dataclass(slots=True, kw_only=True)
class SimProvider:
    """Keeps `Provider`.  *lost* counts answers that never came, *jobs* is everything ever started."""

    clock: Callable[[], datetime]
    weather: Weather
    chance: random.Random
    durations: tuple[float, ...] = DURATIONS
    name: str = "replicate"
    has_list: bool = True
    keeps: timedelta = _LIFETIME
    jobs: dict[str, SimJob] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    lost: int = 0

    async def create(self, order: Order, *, webhook: str | None, **_: object) -> Job:
        self._require_reachable()
        if self.weather.happens(0.01):
            raise ProviderThrottled("Too many.", retry_after=5)
        self.weather.may_kill(0.004)
        job = self.start(order.input, webhook)
        self.weather.may_kill(0.004)
        if self.weather.happens(0.04):
            self.lost += 1
            raise ProviderAnswerLost("The connection broke.")
        return self.describe(job)

    def start(self, asked: Mapping[str, Any], webhook: str | None) -> SimJob:
        now, number = self.clock(), len(self.jobs)
        job = SimJob(
            id=f"job{number:06}",
            asked=asked,
            created_at=now,
            ends_at=now + timedelta(seconds=self.chance.choice(self.durations)),
            outputs=self.chance.choice((1, 1, 1, 2, 4)),
            is_failing=self.weather.happens(_FAILING),
            is_slow_to_appear=self.weather.happens(0.05),
            webhook=webhook,
        )
        self.jobs[job.id] = job
        self.started.append(job.id)
        return job

    async def get(self, job_id: str, **_: object) -> Job:
        self._require_reachable()
        self.weather.may_kill(0.0002)
        if job_id not in self.jobs:
            raise NotFound("There is no such job.")
        return self.describe(self.jobs[job_id])

    async def cancel(self, job_id: str, **_: object) -> Job:
        self._require_reachable()
        job = self.jobs[job_id]
        job.canceled = job.canceled or self.clock() < job.ends_at
        return self.describe(job)

    async def recent(self, since: datetime) -> AsyncIterator[Job]:
        self._require_reachable()
        for job in self._newest():
            if job.created_at < since:
                return
            yield self.describe(job)

    def parse(self, document: Mapping[str, Any]) -> Job:
        if document.get("id") not in self.jobs:
            raise InvalidInput("That is no prediction.")
        return self.describe(self.jobs[document["id"]])

    async def aclose(self) -> None: ...

    def describe(self, job: SimJob, *, at: datetime | None = None) -> Job:
        """Return what the API says of *job* at that moment."""
        now = at or self.clock()
        has_ended = now >= job.ends_at
        status = JobStatus.SUCCEEDED if has_ended else JobStatus.PROCESSING
        if has_ended and job.is_failing:
            status = JobStatus.FAILED
        if job.canceled:
            status = JobStatus.CANCELED
        is_removed = now >= job.expires_at
        return Job(
            provider=self.name,
            id=job.id,
            status=status,
            outputs=job.urls() if status is JobStatus.SUCCEEDED and not is_removed else (),
            error="It failed." if status is JobStatus.FAILED else None,
            created_at=job.created_at,
            completed_at=job.ends_at if status.is_terminal else None,
            outputs_expire_at=job.expires_at if status.is_terminal else None,
            outputs_removed=is_removed,
            model="acme/painter",
            input_sha256=input_fingerprint(job.asked),
            webhook=job.webhook,
        )

    def _newest(self) -> Iterator[SimJob]:
        return (self.jobs[job_id] for job_id in reversed(self.started))

    def _require_reachable(self) -> None:
        self.weather.may_kill()
        if self.weather.is_out("api"):
            raise ProviderUnreachable("No connection.")


@dataclass(slots=True, kw_only=True)
class SimDownloader:
    """Keeps `Downloader`: admits as the real one does, and fetches from the simulated host."""

    admit: Callable[[str], Source]
    provider: SimProvider
    weather: Weather
    fetched: int = 0
    failed: int = 0

    async def fetch(self, source: Source, into: Staging) -> None:
        self.weather.may_kill()
        job_id, _, name = source.text.removeprefix(f"{_HOST}/").partition("/")
        content = content_of(job_id, int(name[len("out-") : -len(".png")]))
        try:
            await self._send(self.provider.jobs[job_id], content, into)
        except SourceUnavailable:
            self.failed += 1
            raise
        self.fetched += 1

    async def aclose(self) -> None: ...

    def _require_there(self, job: SimJob) -> None:
        if self.weather.is_out("delivery"):
            raise SourceUnavailable("No connection.", retry_after=30 if self.weather.happens(0.3) else None)
        now = self.provider.clock()
        if now >= job.expires_at or (job.is_slow_to_appear and now < job.ends_at + _EARLY):
            raise SourceGone("It is not there.")

    async def _send(self, job: SimJob, content: bytes, into: Staging) -> None:
        self._require_there(job)
        if self.weather.happens(0.08):
            await into.write(content[: len(content) // 2])
            self.weather.may_kill(0.02)
            raise SourceUnavailable("The connection broke.")
        await into.write(content)
        self.weather.may_kill(0.001)

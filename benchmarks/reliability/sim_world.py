"""A simulated world around the real services: the provider, its delivery host, the apps, and the death of our process.

Real is everything from `GenerationService` to the SQLite file and the volume; only the clockwork's loops are turned by
hand.
"""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from app.config import Settings
from app.domain.captures import Capture
from app.domain.errors import AppError
from app.domain.generations import Job
from app.domain.ids import GenerationId
from app.domain.images import Image
from app.services.capture import CaptureService
from app.services.saving import ImageSaver
from app.wiring import World
from app.wiring.adapters import Adapters
from app.wiring.graph import Graph
from benchmarks.reliability.sim_apps import Apps
from benchmarks.reliability.sim_provider import SimDownloader, SimProvider
from benchmarks.reliability.weather import Killed, Weather
from devkit.clock import FakeClock

_AT_ONCE = 8
_LEASE = timedelta(seconds=30)
_RECONCILED_EVERY = 15
_IDLE_STEP = 5.0
_LONGEST_DOWN = 180.0
_DRAIN_SECONDS = 2.2 * 3600


@dataclass(slots=True, kw_only=True)
class Webhook:
    """News on its way to us."""

    due: float
    job: Job
    generation: GenerationId


@dataclass(slots=True, kw_only=True)
class Simulation:
    """One world; `run` lets it pass."""

    adapters: Adapters
    settings: Settings
    clock: FakeClock
    chance: random.Random
    weather: Weather
    provider: SimProvider
    downloader: SimDownloader
    apps: Apps
    graph: Graph = field(init=False)
    restarts: int = 0
    told: Counter[str] = field(default_factory=Counter)
    _webhooks: list[Webhook] = field(default_factory=list)
    _followed: int = 0
    _reconciled_at: float = 0.0
    _down_until: float = 0.0
    _captures: CaptureService = field(init=False)

    def start_process(self) -> None:
        """Build the services anew, as a process that starts does: nothing of the one before is remembered."""
        world = World(clock=self.clock, monotonic=time.monotonic, jitter=self.chance.random)
        self.graph = Graph(self.settings, world, self.adapters)
        self._captures = CaptureService(
            queue=self.adapters.captures,
            images=self.adapters.images,
            saver=ImageSaver(
                queue=self.adapters.captures,
                blobs=self.adapters.blobs,
                downloader=self.adapters.downloader,
                inspector=self.adapters.inspector,
            ),
            clock=self.clock,
            jitter=self.chance.random,
            on_settled=_nothing,
            metrics=self.graph.metrics,
        )

    async def run(self, *, horizon: float) -> None:
        """Let the world pass until everything that was wished for has had time to come true."""
        while self.clock.monotonic() < horizon + _DRAIN_SECONDS:
            # Coarser than the real clockwork where nothing happens: that can only make it harder.
            self.clock.advance(1.0 if self._is_busy() else _IDLE_STEP)
            await self._pass()
            is_over = self.clock.monotonic() > horizon and not self.apps.waiting
            if is_over and await self._is_at_rest():
                return

    def _is_busy(self) -> bool:
        soon = self.clock.monotonic() + _IDLE_STEP
        is_asked = bool(self.apps.waiting) and self.apps.waiting[0].due < soon
        return is_asked or any(webhook.due < soon for webhook in self._webhooks)

    async def _pass(self) -> None:
        now = self.clock.monotonic()
        if now < self._down_until:
            self.apps.interrupted(now)
            self.told["lost"] += len(self._arrived(now))
            return
        try:
            if self.weather.is_dead:
                await self._start_again()
            await self._tick(now)
        except Killed:
            await self._bury()
            self.apps.interrupted(now)
            if self.weather.happens(0.3):
                self._down_until = now + self.chance.uniform(0, _LONGEST_DOWN)

    async def _start_again(self) -> None:
        """Do what a start does, in its order."""
        self.weather.is_dead = False
        self.restarts += 1
        self.start_process()
        await self.graph.recovery.recover()
        await self.adapters.captures.release_all(owner=None, now=self.clock())

    async def _tick(self, now: float) -> None:
        self.weather.may_kill(0.0005)
        await self.apps.ask(self.graph, now)
        self._follow()
        await self._deliver(now)
        await self.graph.jobs.poll_due()
        if now - self._reconciled_at >= _RECONCILED_EVERY:
            self._reconciled_at = now
            await self.graph.reconciler.reconcile()
        await self._capture()

    async def _capture(self) -> None:
        while claimed := await self.adapters.captures.claim(
            owner="simulation", now=self.clock(), lease=_LEASE, limit=_AT_ONCE
        ):
            await asyncio.gather(*(self._captures.attempt(capture) for capture in claimed))

    def _follow(self) -> None:
        """Send each new job's webhooks on their way: some are lost, some come twice, some late or too early."""
        for job_id in self.provider.started[self._followed :]:
            job = self.provider.jobs[job_id]
            generation = parse_qs(urlsplit(job.webhook or "").query).get("generation")
            if generation:
                moments = [job.created_at] * self.weather.happens(0.3) + [job.ends_at]
                for moment in moments:
                    self._post(self.provider.describe(job, at=moment), GenerationId(generation[0]), moment)
        self._followed = len(self.provider.started)

    def _post(self, news: Job, generation: GenerationId, moment: datetime) -> None:
        if self.weather.happens(0.25):
            self.told["lost"] += 1
            return
        due = self.clock.monotonic() + (moment - self.clock()).total_seconds()
        for _ in range(1 + self.weather.happens(0.25)):
            late = self.chance.uniform(0, 600) if self.weather.happens(0.15) else self.chance.uniform(0, 2)
            self._webhooks.append(Webhook(due=due + late, job=news, generation=generation))

    async def _deliver(self, now: float) -> None:
        for webhook in self._arrived(now):
            if self.weather.is_out("webhooks"):
                self.told["lost"] += 1
                continue
            self.told["delivered"] += 1
            await self.graph.jobs.hear(webhook.job, of=webhook.generation)
            if self.weather.happens(0.1):
                await self._import(webhook)

    def _arrived(self, now: float) -> list[Webhook]:
        """Return the webhooks that arrive now, in no order."""
        due = [webhook for webhook in self._webhooks if webhook.due <= now]
        self._webhooks = [webhook for webhook in self._webhooks if webhook.due > now]
        self.chance.shuffle(due)
        return due

    async def _import(self, webhook: Webhook) -> None:
        job = self.provider.jobs[webhook.job.id]
        generation = await self.adapters.generations.find(webhook.generation)
        if generation is not None and webhook.job.outputs and self.clock() < job.expires_at:
            with suppress(AppError):  # it may have been rejected or lost; what has become of it is judged in the end
                await self.apps.import_again(self.graph, job, generation.user)

    async def _bury(self) -> None:
        """End whatever the dead process still had going."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _is_at_rest(self) -> bool:
        backlog = await self.adapters.captures.backlog()
        due = await self.adapters.generations.due(now=self.clock() + timedelta(days=1), limit=1)
        orphans = await self.adapters.generations.orphans(before=self.clock() + timedelta(days=1))
        return not backlog.open and not due and not orphans and not self._webhooks


async def _nothing(_: Capture, __: Image | None) -> None: ...

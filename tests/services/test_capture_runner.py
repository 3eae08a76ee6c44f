"""The runner goes on whatever the catalog does, never holds more than it may, and leaves nothing behind."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from app.adapters.catalog.captures import SqlCaptures
from app.adapters.metrics.prometheus import PrometheusMetrics
from app.domain.captures import Capture
from app.domain.errors import Overloaded
from app.domain.images import Image, ImageStatus
from app.services.capture import CaptureService
from app.services.capture_runner import LEASE, CaptureRunner
from devkit.clock import FakeClock
from tests.support.doubles import ANA, Catalog, FakeSaver, an_image


class Interrupted:
    """A queue one can listen to, and whose claims can be made to fail or to wait."""

    def __init__(self, inner: SqlCaptures) -> None:
        self._inner = inner
        self.failures: list[Exception] = []
        self.on_claim: asyncio.Event | None = None
        self.claiming = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def claim(self, **more: Any) -> list[Capture]:
        self.claiming.set()
        if self.failures:
            raise self.failures.pop()
        claimed = await self._inner.claim(**more)
        if self.on_claim is not None:
            await self.on_claim.wait()
        return claimed


class Workshop:
    """A runner with its saver, and a count of what it has settled."""

    def __init__(self, catalog: Catalog, clock: FakeClock, saver: FakeSaver, concurrency: int) -> None:
        self.queue = Interrupted(catalog.captures)
        self.settled: asyncio.Queue[Capture] = asyncio.Queue()
        self.runner = CaptureRunner(
            queue=self.queue,
            captures=CaptureService(
                queue=self.queue,
                images=catalog.images,
                saver=saver,
                clock=clock,
                jitter=lambda: 0.5,
                on_settled=self._on_settled,
                metrics=PrometheusMetrics(version="0"),
            ),
            clock=clock,
            owner="us",
            concurrency=concurrency,
        )

    async def _on_settled(self, capture: Capture, _: Image | None) -> None:
        await self.settled.put(capture)


@asynccontextmanager
async def running(
    catalog: Catalog, clock: FakeClock, saver: FakeSaver, *, concurrency: int = 2, failures: int = 0
) -> AsyncIterator[Workshop]:
    """Run a runner; what would wait for ever in the block fails instead."""
    workshop = Workshop(catalog, clock, saver, concurrency)
    workshop.queue.failures = [Overloaded("busy")] * failures
    task = asyncio.create_task(workshop.runner.run())
    try:
        # Not in a fixture: that has a task of its own, which can cancel no test.
        async with asyncio.timeout(10):
            yield workshop
    finally:
        await workshop.runner.stop(timedelta())
        await task


async def register(
    catalog: Catalog, clock: FakeClock, *names: str, deadline: timedelta | None = timedelta(hours=1)
) -> None:
    for name in names:
        await catalog.images.register(an_image(name, clock(), deadline=deadline))


async def statuses(catalog: Catalog) -> set[ImageStatus]:
    return {image.status for image in await catalog.images.page(ANA, after=None, limit=100)}


async def test_everything_that_waits_is_captured(catalog: Catalog, clock: FakeClock) -> None:
    await register(catalog, clock, *"abcdefg")
    async with running(catalog, clock, FakeSaver()) as workshop:
        for _ in "abcdefg":
            await workshop.settled.get()

    assert await statuses(catalog) == {ImageStatus.STORED}


async def test_no_more_is_in_hand_than_allowed(catalog: Catalog, clock: FakeClock) -> None:
    await register(catalog, clock, *"abcdefgh", deadline=timedelta(minutes=5))
    in_hand, most = 0, 0
    full = asyncio.Event()

    async def count() -> None:
        nonlocal in_hand, most
        in_hand += 1
        most = max(most, in_hand)
        if in_hand >= 3:
            full.set()
        await full.wait()
        await asyncio.sleep(0.005)
        in_hand -= 1

    async with running(catalog, clock, FakeSaver(count), concurrency=3) as workshop:
        for _ in "abcdefgh":
            await workshop.settled.get()

    assert most == 3


async def test_claims_that_keep_failing_are_no_end(
    catalog: Catalog, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await register(catalog, clock, "a")
    async with running(catalog, clock, FakeSaver(), failures=5) as workshop:
        while workshop.queue.failures:
            workshop.runner.kick()
            await asyncio.sleep(0)
        workshop.runner.kick()
        await workshop.settled.get()

    assert await statuses(catalog) == {ImageStatus.STORED}
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 5


async def test_what_takes_longer_than_its_lease_is_kept(catalog: Catalog, clock: FakeClock) -> None:
    await register(catalog, clock, "a")
    begun, released = asyncio.Event(), asyncio.Event()

    async def take_long() -> None:
        begun.set()
        await released.wait()

    saver = FakeSaver(take_long)
    async with running(catalog, clock, saver) as workshop:
        await begun.wait()
        for _ in range(10):
            clock.advance(LEASE.total_seconds() / 3)
            await workshop.runner.renew()
        taken_over = await catalog.captures.claim(owner="them", now=clock(), lease=LEASE, limit=1)
        released.set()
        await workshop.settled.get()

    assert taken_over == []
    assert saver.saves == 1
    assert await statuses(catalog) == {ImageStatus.STORED}


async def test_what_is_in_hand_at_a_stop_is_given_back(catalog: Catalog, clock: FakeClock) -> None:
    await register(catalog, clock, "a", "b")
    begun = asyncio.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    async with running(catalog, clock, FakeSaver(hang)):
        await begun.wait()
    claimed = await catalog.captures.claim(owner="them", now=clock(), lease=LEASE, limit=5)

    assert len(claimed) == 2


async def test_what_is_claimed_while_we_are_told_to_stop_is_given_back(catalog: Catalog, clock: FakeClock) -> None:
    await register(catalog, clock, "a")
    saver = FakeSaver()
    workshop = Workshop(catalog, clock, saver, 2)
    workshop.queue.on_claim = asyncio.Event()
    task = asyncio.create_task(workshop.runner.run())
    await workshop.queue.claiming.wait()
    await workshop.runner.stop(timedelta())
    workshop.queue.on_claim.set()
    await task

    assert saver.saves == 0
    assert len(await catalog.captures.claim(owner="them", now=clock(), lease=LEASE, limit=5)) == 1


async def test_what_is_in_hand_gets_the_grace_to_finish(catalog: Catalog, clock: FakeClock) -> None:
    await register(catalog, clock, "a")
    begun = asyncio.Event()

    async def take_a_moment() -> None:
        begun.set()
        await asyncio.sleep(0.02)

    async with running(catalog, clock, FakeSaver(take_a_moment)) as workshop:
        await begun.wait()
        await workshop.runner.stop(timedelta(seconds=5))

    assert await statuses(catalog) == {ImageStatus.STORED}

"""Services of one process among several: what they tell the others, and what they leave to them."""

import asyncio
from datetime import timedelta

import pytest

from app.adapters.limits.memory import MemoryRateLimiter
from app.domain.errors import RateLimited
from app.domain.ids import IdFactory, ImageId, UserId
from app.services.jobs import JobService
from app.services.reconciling import Reconciler
from app.services.signals import Signals
from app.services.sources import Sources
from devkit.clock import FakeClock
from tests.support.doubles import Catalog, FakeProvider, a_generation, a_job

KEY = (UserId("ana"), ImageId("img_1"))


def reconciler_of(
    catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock, **more: object
) -> Reconciler:
    jobs = JobService(
        generations=catalog.generations,
        providers=lambda _: provider,
        sources=Sources(downloader=None, ids=ids, clock=clock, deadline=timedelta(hours=1)),
        signals=Signals(monotonic=clock.monotonic),
        clock=clock,
        kick=lambda: None,
        lifetime=timedelta(hours=1),
    )
    return Reconciler(generations=catalog.generations, providers=lambda _: provider, jobs=jobs, clock=clock, **more)


async def test_who_waits_here_is_woken_by_what_is_announced_elsewhere() -> None:
    here = Signals(monotonic=asyncio.get_running_loop().time)
    elsewhere = Signals(monotonic=asyncio.get_running_loop().time, tell=here.hear)
    looks = 0

    async def look() -> int:
        nonlocal looks
        looks += 1
        return looks

    waiting = asyncio.create_task(here.wait(KEY, look, done=lambda seen: seen == 2, seconds=5))
    await asyncio.sleep(0)
    elsewhere.announce(KEY)
    async with asyncio.timeout(0.5):  # less than the second after which it looks by itself
        assert await waiting == 2


async def test_what_is_heard_is_not_told_again() -> None:
    told: list[str] = []
    signals = Signals(monotonic=asyncio.get_running_loop().time, tell=told.append)
    signals.hear("ana/img_2")
    signals.announce(KEY)

    assert told == ["ana/img_1"]


async def test_what_one_process_admits_counts_in_the_other(clock: FakeClock) -> None:
    told: list[str] = []
    one = MemoryRateLimiter(rates={"reads": "250/hour"}, clock=clock, tell=told.append)
    other = MemoryRateLimiter(rates={"reads": "250/hour"}, clock=clock, tell=lambda _: None)
    for number in range(250):
        await one.admit("reads", "ana" if number % 2 else f"user{number}")
    await one.pass_on()
    for text in told:
        other.hear(text)
    left = [other.admits("reads", "ana") for _ in range(130)]

    assert len(told) == 2  # in pieces that fit into a message
    assert left.count(True) == 125


async def test_what_was_told_is_not_told_twice(clock: FakeClock) -> None:
    told: list[str] = []
    limiter = MemoryRateLimiter(rates={"reads": "5/hour"}, clock=clock, tell=told.append)
    await limiter.admit("reads", "ana")
    await limiter.pass_on()
    await limiter.pass_on()

    assert told == ['[["reads", "ana", 1]]']


async def test_a_job_that_another_process_may_just_have_asked_for_is_left_to_it(
    catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock
) -> None:
    mine = await catalog.generations.begin(a_generation(ids, clock()))
    clock.advance(300)
    reconciler = reconciler_of(catalog, provider, ids, clock, since=clock() - timedelta(hours=1))
    theirs = await catalog.generations.begin(a_generation(ids, clock()))
    clock.advance(1)
    provider.jobs["job-1"] = a_job(created_at=theirs.created_at)
    contested = await reconciler.find_job(mine)
    clock.advance(180)  # by then its answer has come, or never will
    found = await reconciler.find_job(mine)

    assert contested is None
    assert found is not None


async def test_an_answer_that_another_process_has_lost_is_looked_for_at_once(
    catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock
) -> None:
    lost: list[str] = []
    keeper = reconciler_of(catalog, provider, ids, clock, since=clock() - timedelta(hours=1))
    other = reconciler_of(catalog, provider, ids, clock, since=clock(), tell_lost=lost.append)
    generation = await catalog.generations.begin(a_generation(ids, clock()))
    clock.advance(1)
    provider.jobs["job-1"] = a_job(created_at=generation.created_at)
    await keeper.reconcile()
    before = await catalog.generations.find(generation.id)
    other.note_lost(generation.id)
    keeper.hear_lost(generation.id)
    await keeper.reconcile()
    after = await catalog.generations.find(generation.id)

    assert lost == [str(generation.id)]
    assert before is not None
    assert before.job_id is None
    assert after is not None
    assert after.job_id == "job-1"


async def test_who_was_admitted_there_is_refused_here(clock: FakeClock) -> None:
    limiter = MemoryRateLimiter(rates={"writes": "1/hour"}, clock=clock, tell=lambda _: None)
    limiter.hear('[["writes", "ana", 1], ["unknown", "ana", 1]]')
    with pytest.raises(RateLimited):
        await limiter.admit("writes", "ana")

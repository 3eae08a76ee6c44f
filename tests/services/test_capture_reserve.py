"""Slow sources that have time, however many, never hold up one that is about to die.  Real queue, real runner."""

import asyncio
from datetime import timedelta

import pytest

from app.domain.captures import AT_RISK, Capture
from app.domain.ids import ImageId
from app.domain.images import ImageStatus
from app.services.saving import Saved
from devkit.clock import FakeClock
from tests.services.test_capture_runner import Workshop, register, running
from tests.support.doubles import ANA, Catalog, FakeSaver

NEAR = timedelta(minutes=5)
FLOOD = tuple(f"slow{number}" for number in range(20))


class Sources(FakeSaver):
    """Those whose names begin with `slow` hang; *begun* is told of each."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: asyncio.Queue[str] = asyncio.Queue()

    async def save(self, capture: Capture) -> Saved:
        await self.begun.put(str(capture.image))
        if str(capture.image).startswith("slow"):
            await asyncio.Event().wait()
        return await super().save(capture)


async def status(catalog: Catalog, name: str) -> ImageStatus | None:
    image = await catalog.images.find(ANA, ImageId(name))
    return image and image.status


async def comes_through(catalog: Catalog, workshop: Workshop) -> str:
    """Say that something is due, and return the first image that is settled."""
    workshop.runner.kick()
    return str((await workshop.settled.get()).image)


@pytest.mark.parametrize("deadline", [timedelta(hours=1), None], ids=["far", "none"])
@pytest.mark.parametrize(("concurrency", "ordinary"), [(2, 1), (3, 2), (8, 6)], ids=str)
async def test_one_whose_source_dies_soon_passes_a_flood_of_slow_ones(
    catalog: Catalog, clock: FakeClock, deadline: timedelta | None, concurrency: int, ordinary: int
) -> None:
    await register(catalog, clock, *FLOOD, deadline=deadline)
    sources = Sources()
    async with running(catalog, clock, sources, concurrency=concurrency) as workshop:
        for _ in range(ordinary):
            await sources.begun.get()
        await register(catalog, clock, "dying", deadline=NEAR)
        settled = await comes_through(catalog, workshop)

    assert settled == "dying"
    assert await status(catalog, "dying") is ImageStatus.STORED
    assert sources.saves == 1


async def test_the_reserve_is_for_nobody_else(catalog: Catalog, clock: FakeClock) -> None:
    await register(catalog, clock, *FLOOD, deadline=AT_RISK + timedelta(seconds=1))
    sources = Sources()
    async with running(catalog, clock, sources, concurrency=4) as workshop:
        for _ in range(3):
            await sources.begun.get()
        await register(catalog, clock, "dying", deadline=NEAR)
        await comes_through(catalog, workshop)

    assert [sources.begun.get_nowait() for _ in range(sources.begun.qsize())] == ["dying"]


async def test_a_slow_one_that_comes_near_its_own_end_may_use_the_reserve(catalog: Catalog, clock: FakeClock) -> None:
    await register(catalog, clock, "slow1", "slow2")
    sources = Sources()
    async with running(catalog, clock, sources, concurrency=2) as workshop:
        assert await sources.begun.get() == "slow1"
        clock.advance((timedelta(hours=1) - NEAR).total_seconds())
        await workshop.runner.renew()
        workshop.runner.kick()

        assert await sources.begun.get() == "slow2"


async def test_sources_that_are_dead_do_not_take_the_reserve_from_one_that_lives(
    catalog: Catalog, clock: FakeClock
) -> None:
    await register(catalog, clock, "slow1", "slow2", "slow3", deadline=-NEAR)
    sources = Sources()
    async with running(catalog, clock, sources, concurrency=2) as workshop:
        await sources.begun.get()
        await register(catalog, clock, "dying", deadline=NEAR)

        assert await comes_through(catalog, workshop) == "dying"


async def test_a_single_slot_is_for_all_the_one_at_risk_first(catalog: Catalog, clock: FakeClock) -> None:
    await register(catalog, clock, "b", "c", deadline=None)
    await register(catalog, clock, "a", deadline=NEAR)
    sources = Sources()
    async with running(catalog, clock, sources, concurrency=1) as workshop:
        settled = [str((await workshop.settled.get()).image) for _ in range(3)]

    assert settled == ["a", "b", "c"]

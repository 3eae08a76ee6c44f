"""One piece of work however many ask for it at once."""

import asyncio

import pytest

from app.domain.errors import Overloaded, RenderingFailed
from app.services.flights import Flights


class Work:
    """Waits to be let go, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self) -> int:
        self.begun += 1
        await self.go.wait()
        if self.failure is not None:
            raise self.failure
        return self.begun


async def joined(flights: Flights[int], work: Work, count: int, key: str = "key") -> list["asyncio.Task[int]"]:
    tasks = [asyncio.create_task(flights.join(key, work)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_a_hundred_at_once_are_one_piece_of_work() -> None:
    flights, work = Flights[int](), Work()
    tasks = await joined(flights, work, 100)
    work.go.set()
    assert await asyncio.gather(*tasks) == [1] * 100


async def test_what_has_ended_is_begun_anew() -> None:
    flights, work = Flights[int](), Work()
    work.go.set()
    assert [await flights.join("key", work), await flights.join("key", work)] == [1, 2]


async def test_different_keys_are_different_work() -> None:
    flights, work = Flights[int](), Work()
    tasks = [*await joined(flights, work, 2, "one"), *await joined(flights, work, 2, "two")]
    work.go.set()
    await asyncio.gather(*tasks)
    assert work.begun == 2


@pytest.mark.parametrize("leaves", [0, 1], ids=["who began it", "who joined"])
async def test_whoever_goes_away_leaves_it_to_the_others(leaves: int) -> None:
    flights, work = Flights[int](), Work()
    tasks = await joined(flights, work, 3)
    tasks.pop(leaves).cancel()
    await asyncio.sleep(0)
    work.go.set()
    assert await asyncio.gather(*tasks) == [1, 1]


async def test_it_goes_on_even_when_nobody_waits_any_more() -> None:
    flights, work = Flights[int](), Work()
    (only,) = await joined(flights, work, 1)
    only.cancel()
    await asyncio.wait({only})
    (late,) = await joined(flights, work, 1)
    work.go.set()
    assert await late == 1


async def test_a_failure_is_told_to_all_and_then_forgotten() -> None:
    flights, work = Flights[int](), Work()
    work.failure = RenderingFailed("no")
    tasks = await joined(flights, work, 3)
    work.go.set()
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [RenderingFailed] * 3
    work.failure = None
    assert await flights.join("key", work) == 2


async def test_a_failure_nobody_waits_for_is_nobodys_warning() -> None:
    flights, work = Flights[int](), Work()
    work.failure = RenderingFailed("no")
    (only,) = await joined(flights, work, 1)
    only.cancel()
    await asyncio.wait({only})
    work.go.set()
    await flights.aclose()


async def test_at_the_end_who_waits_is_refused() -> None:
    flights, work = Flights[int](), Work()
    tasks = await joined(flights, work, 2)
    await flights.aclose()
    assert [type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)] == [Overloaded] * 2

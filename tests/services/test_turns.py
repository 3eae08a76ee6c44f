"""Turns: some at once, the others in the order they came."""

import asyncio

import pytest

from app.domain.errors import Overloaded
from app.services.turns import Turns


class Worker:
    """Takes a turn, and has it until it is let go."""

    def __init__(self, turns: Turns) -> None:
        self.has_turn = asyncio.Event()
        self.let_go = asyncio.Event()
        self.task = asyncio.create_task(self._work(turns))

    async def _work(self, turns: Turns) -> None:
        async with turns.turn():
            self.has_turn.set()
            await self.let_go.wait()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def lined_up(turns: Turns, count: int) -> list[Worker]:
    workers = [Worker(turns) for _ in range(count)]
    await settled()
    return workers


def at_work(workers: list[Worker]) -> list[int]:
    return [number for number, worker in enumerate(workers) if worker.has_turn.is_set() and not worker.task.done()]


async def finished(workers: list[Worker]) -> None:
    for worker in workers:
        worker.let_go.set()
    await asyncio.gather(*(worker.task for worker in workers), return_exceptions=True)


async def test_so_many_have_their_turn_and_the_others_follow_in_order() -> None:
    workers = await lined_up(Turns(at_once=2, waiting=10), 5)
    assert at_work(workers) == [0, 1]
    workers[1].let_go.set()
    await settled()
    assert at_work(workers) == [0, 2]
    workers[0].let_go.set()
    workers[2].let_go.set()
    await settled()
    assert at_work(workers) == [3, 4]
    await finished(workers)


async def test_whoever_may_not_even_wait_is_refused_and_counted() -> None:
    refused: list[int] = []
    turns = Turns(at_once=1, waiting=1, on_refused=lambda: refused.append(1))
    workers = await lined_up(turns, 3)
    with pytest.raises(Overloaded):
        await workers[2].task
    with pytest.raises(Overloaded):
        turns.require_room()
    assert len(refused) == 2
    await finished(workers)
    turns.require_room()


async def test_nobody_who_comes_later_is_quicker_than_who_waits() -> None:
    turns = Turns(at_once=1, waiting=10)
    workers = await lined_up(turns, 2)
    workers[0].let_go.set()
    await asyncio.wait({workers[0].task})
    late = Worker(turns)
    await settled()
    assert at_work([*workers, late]) == [1]
    await finished([*workers, late])


async def test_whoever_leaves_the_queue_gives_up_the_place() -> None:
    workers = await lined_up(Turns(at_once=1, waiting=10), 3)
    workers[1].task.cancel()
    await settled()
    workers[0].let_go.set()
    await settled()
    assert at_work(workers) == [2]
    await finished(workers)


async def test_whoever_leaves_just_when_it_is_their_turn_passes_it_on() -> None:
    workers = await lined_up(Turns(at_once=1, waiting=10), 3)
    workers[0].let_go.set()
    workers[1].task.cancel()
    await settled()
    assert workers[1].task.cancelled()
    assert at_work(workers) == [2]
    await finished(workers)


async def test_a_turn_that_fails_is_over() -> None:
    turns = Turns(at_once=1, waiting=0)
    with pytest.raises(ValueError, match="broken"):
        async with turns.turn():
            raise ValueError("broken")
    async with turns.turn():
        pass


async def test_a_turn_handed_to_who_has_just_left_is_not_lost() -> None:
    turns, go, waiting = Turns(at_once=1, waiting=10), asyncio.Event(), list[Worker]()

    async def first() -> None:
        async with turns.turn():
            await go.wait()
        # The turn is handed on, and who has it does not know that yet.
        waiting[0].task.cancel()

    leaving = asyncio.create_task(first())
    await settled()
    waiting += await lined_up(turns, 1)
    go.set()
    await asyncio.wait({leaving, waiting[0].task})
    assert waiting[0].task.cancelled()
    async with asyncio.timeout(5), turns.turn():
        pass

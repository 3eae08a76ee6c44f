"""The clockwork turns, survives its work and stops when told; nobody waits for real time here."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from app.background import every

HOUR = timedelta(hours=1)


class Sleep:
    """Time that passes at a word: `pass_by` ends the sleep under way, and returns once the next one has begun."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._fallen_asleep, self._wake = asyncio.Event(), asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self._fallen_asleep.set()
        await self._wake.wait()
        self._wake.clear()

    async def begun(self) -> None:
        await self._fallen_asleep.wait()
        self._fallen_asleep.clear()

    async def pass_by(self) -> None:
        self._wake.set()
        await self.begun()


async def nothing() -> None:
    pass


async def test_work_is_done_first_after_a_while_and_then_at_each_interval() -> None:
    sleep, done = Sleep(), []

    async def work() -> None:
        done.append(len(sleep.asked))

    async with every(HOUR, work, name="test", first_after=timedelta(seconds=5), sleep=sleep):
        await sleep.begun()
        assert done == []
        await sleep.pass_by()
        await sleep.pass_by()
    assert (sleep.asked, done) == ([5, 3600, 3600], [1, 2])


def failing(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        raise error

    return work


@pytest.mark.parametrize("error", [OSError("disk"), asyncio.CancelledError()], ids=["fails", "is cancelled within"])
async def test_work_that_goes_wrong_is_logged_and_tried_again(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    sleep = Sleep()
    async with every(HOUR, failing(error), name="sweep", sleep=sleep):
        await sleep.begun()
        await sleep.pass_by()
        await sleep.pass_by()
    assert [(record.levelno, vars(record)["task"]) for record in caplog.records] == [(logging.ERROR, "sweep")] * 2
    assert caplog.records[0].exc_info is not None


async def test_work_that_goes_on_failing_is_told_ever_less_often_and_its_success_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    sleep, outcomes = Sleep(), iter([OSError("disk")] * 9 + [None, None])

    async def work() -> None:
        if (error := next(outcomes)) is not None:
            raise error

    async with every(HOUR, work, name="sweep", sleep=sleep):
        await sleep.begun()
        for _ in range(11):
            await sleep.pass_by()
    told = [(record.levelname, vars(record)["failures"], bool(record.exc_info)) for record in caplog.records]
    assert told == [
        (*line, line[1] == 1) for line in [("ERROR", 1), ("ERROR", 2), ("ERROR", 4), ("ERROR", 8), ("INFO", 9)]
    ]


async def test_leaving_cancels_work_under_way_and_waits_for_its_end() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(ended.is_set)
            ended.set()

    async with every(HOUR, work, name="test"):
        await begun.wait()
    assert ended.is_set()


async def test_work_that_swallows_its_cancellation_is_the_last() -> None:
    sleep, begun = Sleep(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    async with every(HOUR, work, name="test", sleep=sleep):
        await sleep.begun()
        sleep._wake.set()
        await begun.wait()
    assert sleep.asked == [0]


async def test_leaving_while_asleep_does_no_work() -> None:
    done = []

    async def work() -> None:
        done.append(1)

    async with every(HOUR, work, name="test", first_after=HOUR):
        pass
    assert done == []


async def test_an_error_in_the_block_gets_out_and_stops_the_clockwork() -> None:
    before = asyncio.all_tasks()
    with pytest.raises(KeyError):
        async with every(HOUR, nothing, name="test"):
            raise KeyError
    assert asyncio.all_tasks() == before


async def test_being_cancelled_oneself_is_not_swallowed() -> None:
    within = asyncio.Event()

    async def block() -> None:
        async with every(HOUR, nothing, name="test"):
            within.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await within.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

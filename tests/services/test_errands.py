"""What was begun comes to its end, even if whoever wants it goes away."""

import asyncio

import pytest

from app.domain.errors import NotFound
from app.services.errands import Errands


async def test_work_goes_on_when_nobody_waits_any_more() -> None:
    errands, go, done = Errands(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.set()

    waiting = asyncio.create_task(errands.see_through(work(), name="work"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    go.set()
    await errands.finish(seconds=5)
    assert waiting.cancelled()
    assert done.is_set()


async def test_whoever_waits_gets_what_it_returns_or_why_it_failed() -> None:
    errands = Errands()

    async def refuse() -> None:
        raise NotFound("no")

    assert await errands.see_through(asyncio.sleep(0, 7), name="seven") == 7
    with pytest.raises(NotFound):
        await errands.see_through(refuse(), name="refuse")


async def test_the_end_waits_for_what_an_errand_begins(caplog: pytest.LogCaptureFixture) -> None:
    errands, done = Errands(), asyncio.Event()

    async def second() -> None:
        done.set()

    async def first() -> None:
        await asyncio.sleep(0)
        _ = errands.begin(second(), name="second")

    _ = errands.begin(first(), name="first")
    await errands.finish(seconds=5)
    assert done.is_set()
    assert caplog.records == []


async def test_what_takes_too_long_is_given_up_and_said(caplog: pytest.LogCaptureFixture) -> None:
    errands = Errands()
    stuck = errands.begin(asyncio.Event().wait(), name="stuck")
    await errands.finish(seconds=0)
    assert stuck.cancelled()
    assert [record.message for record in caplog.records] == ["an errand is given up"]


async def test_a_bug_that_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    errands = Errands()

    async def break_down() -> None:
        raise ValueError("a bug")

    _ = errands.begin(break_down(), name="broken")
    await errands.finish(seconds=5)
    assert [record.message for record in caplog.records] == ["an errand failed"]

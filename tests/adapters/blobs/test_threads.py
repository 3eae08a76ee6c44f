"""Disk work is seen to its end, whoever is cancelled."""

import asyncio
import threading

import pytest

from app.adapters.blobs.threads import finished


async def test_the_result_comes_back() -> None:
    assert await finished(asyncio.to_thread(lambda: 42)) == 42


async def test_an_error_comes_back() -> None:
    def failing() -> None:
        raise OSError(5, "failing")

    with pytest.raises(OSError, match="failing"):
        await finished(asyncio.to_thread(failing))


@pytest.mark.parametrize("requests", [1, 3])
async def test_a_cancellation_waits_for_the_thread(requests: int) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(5)
        done.set()

    task = asyncio.create_task(finished(asyncio.to_thread(work)))
    await asyncio.to_thread(begun.wait, 5)
    for _ in range(requests):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()


async def test_an_error_after_a_cancellation_is_not_complained_about(caplog: pytest.LogCaptureFixture) -> None:
    go_on = threading.Event()

    def failing() -> None:
        go_on.wait(5)
        raise OSError(5, "failing")

    task = asyncio.create_task(finished(asyncio.to_thread(failing)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert caplog.records == []


async def test_a_time_out_still_ends_what_it_bounds() -> None:
    go_on = threading.Event()
    asyncio.get_running_loop().call_later(0.02, go_on.set)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await finished(asyncio.to_thread(go_on.wait, 5))

"""Clockwork: runs a method again and again for as long as a block lasts."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

log = logging.getLogger(__name__)


@asynccontextmanager
async def every(
    interval: timedelta,
    work: Callable[[], Awaitable[object]],
    *,
    name: str,
    first_after: timedelta = timedelta(),
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """Await *work* after *first_after*, then *interval* after each end, until the block is left.

    Work that fails is logged and tried again at its next turn.  Leaving the block cancels it and waits for its end.
    """
    task = asyncio.create_task(_run(interval, work, name=name, first_after=first_after, sleep=sleep), name=name)
    try:
        yield
    finally:
        task.cancel()
        # Unlike `await task` this tells the task's cancellation from our own.
        await asyncio.wait({task})


async def _run(
    interval: timedelta,
    work: Callable[[], Awaitable[object]],
    *,
    name: str,
    first_after: timedelta,
    sleep: Callable[[float], Awaitable[object]],
) -> None:
    await sleep(first_after.total_seconds())
    while True:
        await _attempt(work, name=name)
        # Work that swallows its cancellation must not keep the process from stopping.
        if _is_cancelled():
            return
        await sleep(interval.total_seconds())


async def _attempt(work: Callable[[], Awaitable[object]], *, name: str) -> None:
    try:
        await work()
    except asyncio.CancelledError:
        if _is_cancelled():
            raise
        # Something inside was cancelled, not the clockwork.
        log.exception("background work was cancelled", extra={"task": name})
    except Exception:
        log.exception("background work failed", extra={"task": name})


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

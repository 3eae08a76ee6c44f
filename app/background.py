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

    Work that fails is tried again at its next turn.  It is logged with its trace, and, as long as it fails, again at
    the 2nd, 4th, 8th … time.  Leaving the block cancels it and waits for its end.
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
    failures = 0
    while True:
        failures = await _attempt(work, name=name, failures=failures)
        # Work that swallows its cancellation must not keep the process from stopping.
        if _is_cancelled():
            return
        await sleep(interval.total_seconds())


async def _attempt(work: Callable[[], Awaitable[object]], *, name: str, failures: int) -> int:
    """Return how often in a row *work* has failed, this time included; *failures* is that before it."""
    try:
        await work()
    except asyncio.CancelledError:
        if _is_cancelled():
            raise
        # Something inside was cancelled, not the clockwork.
        _tell("background work was cancelled", name, failures + 1)
    except Exception:  # noqa: BLE001 (whatever it is, the clockwork goes on)
        _tell("background work failed", name, failures + 1)
    else:
        if failures:
            log.info("background work succeeds again", extra={"task": name, "failures": failures})
        return 0
    return failures + 1


def _tell(words: str, name: str, failures: int) -> None:
    # A disk that is gone for an hour must not fill the log with what polls every second.
    if failures & (failures - 1) == 0:
        log.error(words, extra={"task": name, "failures": failures}, exc_info=failures == 1)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

"""Disk work in threads, never left behind."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def finished(work: Awaitable[T]) -> T:
    """Return what *work* returns; when cancelled, see it to its end first.

    A thread cannot be stopped.  What it writes to must not be closed under it: the descriptor's number would be
    somebody else's file the next moment.
    """
    task = asyncio.ensure_future(work)
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as request:
            cancelled = request
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # looked at, so that nobody complains that nobody did
    raise cancelled

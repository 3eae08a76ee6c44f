"""Clients that leave before they have their answer: nobody tells a handler, so the connection is looked at."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from aiohttp import web

LOOK_SECONDS: Final = 0.25

T = TypeVar("T")


def has_left(request: web.Request) -> bool:
    """Tell whether the connection of *request* is closed, or about to be, or the client has ended its side of it.

    Whoever closes a page cannot be told from who only sends no more, and nobody waits for a stream that way on purpose.
    """
    is_closed = request.transport is None or request.transport.is_closing()
    return is_closed or getattr(request.protocol, "has_ended", False)


async def unless_left(request: web.Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what *work* returns; cancel it, and raise `ConnectionResetError`, once the client has left."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK_SECONDS)
            if not task.done() and has_left(request):
                raise ConnectionResetError("the client has left")
        return task.result()
    finally:
        # Until it has ended it holds what the caller is about to let go: files, places in queues.
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

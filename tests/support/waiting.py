"""Waiting for what another process or the network will do."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(fact: Callable[[], Awaitable[bool] | bool], *, seconds: float = 20) -> None:
    """Return once *fact* is true; fail after *seconds*."""
    async with asyncio.timeout(seconds):
        while not await _look(fact):  # noqa: ASYNC110 (nothing in this process could set an event)
            await asyncio.sleep(0.01)


async def _look(fact: Callable[[], Awaitable[bool] | bool]) -> bool:
    found = fact()
    return await found if inspect.isawaitable(found) else found

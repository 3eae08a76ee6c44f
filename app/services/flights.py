"""One piece of work however many ask for it at once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from app.domain.errors import Overloaded

_RETRY_AFTER_SECONDS = 2

T = TypeVar("T")


class Flights(Generic[T]):
    """Who asks while the same is under way gets that one's result, or its failure.  Nothing is remembered after."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[T]] = {}

    def __contains__(self, key: Hashable) -> bool:
        """Whether somebody is at work under *key*."""
        return key in self._tasks

    async def join(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return what *work* returns, or what the one that is already at work under *key* does.

        A caller that is cancelled leaves it to the others: it goes on.
        """
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(_run(work), name=f"flight {key}")
            task.add_done_callback(lambda done: self._land(key, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Overloaded("The service is shutting down.", retry_after=_RETRY_AFTER_SECONDS) from None
            raise

    async def aclose(self) -> None:
        """Cancel what is under way and wait for its end."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _land(self, key: Hashable, task: "asyncio.Task[T]") -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # looked at: everyone who waited for it may have gone


async def _run(work: Callable[[], Awaitable[T]]) -> T:
    return await work()

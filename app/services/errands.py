"""What must come to its end once it was begun, even if whoever wants it goes away."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from app.domain.errors import AppError

log = logging.getLogger(__name__)

T = TypeVar("T")


class Errands:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def begin(self, work: Coroutine[Any, Any, T], *, name: str) -> "asyncio.Task[T]":
        """Begin *work*, which nobody need wait for; its failure is logged if it is a bug."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def see_through(self, work: Coroutine[Any, Any, T], *, name: str) -> T:
        """Return what *work* returns; if the caller is cancelled, the work goes on."""
        return await asyncio.shield(self.begin(work, name=name))

    async def finish(self, *, seconds: float) -> None:
        """Wait for what is under way, up to *seconds*, and cancel the rest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks:  # one may begin another
                    await asyncio.wait(set(self._tasks))
        late = set(self._tasks)
        for task in late:
            log.error("an errand is given up", extra={"task": task.get_name()})
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None and not isinstance(failure, AppError):
            log.error("an errand failed", exc_info=failure, extra={"task": task.get_name()})

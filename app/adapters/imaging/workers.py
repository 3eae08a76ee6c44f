"""A bounded queue in front of a few killable worker processes.

A thread would not do: a decoder that crashes takes its process with it, and one that hangs can only be killed.
"""

import asyncio
import errno
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.adapters.imaging.outline import Limits
from app.adapters.imaging.process import WorkerDied, WorkerProcess
from app.adapters.imaging.protocol import EXIT_OUT_OF_MEMORY, Message, Reply
from app.adapters.imaging.refusals import Reason, refused
from app.domain.errors import Overloaded, SourceRejected, StorageUnavailable
from app.domain.ports import Staging

_RETRY_AFTER = 2.0
_SECONDS_TO_START = 30.0

# Whoever sends these is outside: an out-of-memory killer, an operator.  A decoder that fails dies of others.
_KILLED_FROM_OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM})
_NO_ROOM = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


class WorkerPool:
    """Has pictures decoded by at most *workers* processes, started when they are first needed.

    Up to *queue_limit* callers wait for a free one, more are refused with `Overloaded`.  A picture that takes
    longer than *timeout* seconds, or kills its worker, is refused; the next one gets a new process, which
    also happens after *recycle_after* pictures.  *memory_limit* is the address space of each worker in bytes:
    measured at 50 million pixels, a still picture needs up to 850 MB of it and an animation up to 1.2 GB.
    A *niceness* above 0 makes the workers give way to other processes.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        workers: int = 2,
        queue_limit: int = 64,
        timeout: float = 30.0,
        memory_limit: int = 1_280 << 20,
        recycle_after: int = 1_000,
        niceness: int = 0,
    ) -> None:
        self._limits = limits
        self._queue_limit = queue_limit
        self._timeout = timeout
        self._memory_limit = memory_limit
        self._recycle_after = recycle_after
        self._niceness = niceness
        self._slots = asyncio.Semaphore(workers)
        self._waiting = 0
        self._idle: list[WorkerProcess] = []
        self._alive: set[WorkerProcess] = set()
        self._is_closed = False

    @property
    def pids(self) -> list[int]:
        """The processes there are now, for operators and tests."""
        return [worker.pid for worker in self._alive]

    async def aclose(self) -> None:
        """Kill every worker; whoever still waits is refused with `Overloaded`."""
        self._is_closed = True
        self._idle.clear()
        for worker in list(self._alive):
            await self._retire(worker)

    async def run(self, request: Message, *, into: Staging | None = None) -> tuple[Any, bytes]:
        """Return what a worker answers, and the pictures that came with it; where *into* is given they go there.

        Raise `SourceRejected`, `StorageUnavailable` when the file cannot be read, `Overloaded`, or what *into* does.
        """
        async with self._slot():
            try:
                message, payload = await self._ask(request, into)
            except WorkerDied as exc:
                if not _may_be_chance(exc):
                    raise _blame(exc) from exc
                message, payload = await self._ask_again(request, into)
        return _result(message), payload

    async def _ask_again(self, request: Message, into: Staging | None) -> Reply:
        # A worker may also be killed while idle, or for the memory others use: that is no picture's fault.
        if into is not None:
            await into.restart()
        try:
            return await self._ask(request, into)
        except WorkerDied as exc:
            raise _blame(exc) from exc

    async def _ask(self, request: Message, into: Staging | None) -> Reply:
        async with self._worker() as worker:
            try:
                async with asyncio.timeout(self._timeout):
                    return await worker.ask(request, into=into)
            except TimeoutError as exc:
                worker.kill()
                raise refused(Reason.DECODER_TIMEOUT) from exc

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """Wait for one of the places at work, if the queue has room."""
        if self._slots.locked() and self._waiting >= self._queue_limit:
            raise Overloaded("Too many pictures are waiting to be looked at.", retry_after=_RETRY_AFTER)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[WorkerProcess]:
        """Lend a worker.  One that was left in the middle of a request is ended, never reused."""
        worker = await self._take()
        try:
            yield worker
        except BaseException:
            await self._retire(worker)
            raise
        if worker.served >= self._recycle_after or self._is_closed:
            await self._retire(worker)
        else:
            self._idle.append(worker)

    async def _take(self) -> WorkerProcess:
        self._check_open()
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            await self._retire(worker)
        return await self._start()

    async def _start(self) -> WorkerProcess:
        try:
            worker = await WorkerProcess.start(
                limits=self._limits, memory_limit=self._memory_limit, niceness=self._niceness
            )
        except OSError as exc:
            if exc.errno not in _NO_ROOM:
                raise
            raise Overloaded("There is no room for a decoder.", retry_after=_RETRY_AFTER) from exc
        self._alive.add(worker)
        try:
            async with asyncio.timeout(_SECONDS_TO_START):
                _result((await worker.ready())[0])
        except (WorkerDied, TimeoutError) as exc:
            await self._retire(worker)
            self._check_open()
            # Never a picture's fault, so it must not end as a refusal of one.
            raise RuntimeError("the image worker does not start") from exc
        except BaseException:
            await self._retire(worker)
            raise
        return worker

    def _check_open(self) -> None:
        if self._is_closed:
            raise Overloaded("The service is shutting down.", retry_after=_RETRY_AFTER)

    async def _retire(self, worker: WorkerProcess) -> None:
        await worker.end()
        self._alive.discard(worker)


def _may_be_chance(death: WorkerDied) -> bool:
    """Whether a new worker may well do what this one died of."""
    if death.status == EXIT_OUT_OF_MEMORY:
        return death.served > 1  # what earlier pictures left behind took room
    return death.status in _KILLED_FROM_OUTSIDE


def _blame(death: WorkerDied) -> SourceRejected:
    return refused(Reason.OUT_OF_MEMORY if death.status == EXIT_OUT_OF_MEMORY else Reason.DECODER_FAILED)


def _result(reply: Message) -> Any:
    """Return what a reply holds, or raise what it stands for."""
    match reply:
        case {"result": result}:
            return result
        case {"refused": {"reason": reason, "detail": detail}}:
            raise SourceRejected(reason, detail)
        case {"unreadable": why}:
            raise StorageUnavailable(f"The picture cannot be read: {why}")
        case _:
            raise RuntimeError(f"the image worker is broken: {reply.get('bug', reply)}")

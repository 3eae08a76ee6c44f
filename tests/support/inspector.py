"""What tests of the inspector do to its worker processes, and how they look at them."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from app.adapters.imaging.pool import InspectorPool
from app.domain.errors import SourceRejected
from app.domain.images import ImageFacts

MakePool = Callable[..., InspectorPool]


async def stopped(pool: InspectorPool, good: Path) -> int:
    """Return the id of the pool's worker, alive but answering nothing."""
    await pool.inspect(good)
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    return pid


async def begun(pool: InspectorPool, path: Path) -> asyncio.Task[ImageFacts]:
    """Return an inspection whose request has been sent."""
    task = asyncio.create_task(pool.inspect(path))
    for _ in range(10):
        await asyncio.sleep(0)
    return task


async def until(condition: Callable[[], bool]) -> None:
    """Return once *condition* is true, or fail after ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0)


def of_process(pool: InspectorPool, name: str) -> bytes:
    """Return what the kernel says about the pool's only process."""
    (pid,) = pool.pids
    return Path(f"/proc/{pid}/{name}").read_bytes()


def is_gone(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


async def reason(pool: InspectorPool, path: Path) -> str:
    with pytest.raises(SourceRejected) as caught:
        await pool.inspect(path)
    return caught.value.reason

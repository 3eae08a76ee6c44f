"""What a process and its children take of the machine's memory, and the most they ever took."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_SAMPLE_SECONDS = 0.02


class Peak:
    """The largest sum seen, and the most that the process itself took of it at any time, in bytes."""

    def __init__(self) -> None:
        self.size = 0
        self.own = 0


@asynccontextmanager
async def watched(pid: int) -> AsyncIterator[Peak]:
    """Yield the peak of the proportional set size of *pid* and all its descendants during the block.

    Proportional: a page shared by four processes counts a quarter in each, so nothing counts twice.
    """
    peak = Peak()
    task = asyncio.create_task(_watch(pid, peak))
    try:
        yield peak
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _watch(pid: int, peak: Peak) -> None:
    while True:
        own, all_ = await asyncio.to_thread(lambda: (_own(pid), memory_of(pid)))
        peak.own, peak.size = max(peak.own, own), max(peak.size, all_)
        await asyncio.sleep(_SAMPLE_SECONDS)


def memory_of(pid: int) -> int:
    """Return the bytes *pid* and its descendants hold now."""
    return sum(_own(process) for process in (pid, *descendants(pid)))


def descendants(pid: int) -> list[int]:
    """Return the children of *pid*, and theirs."""
    children = _children(pid)
    return children + [one for child in children for one in descendants(child)]


def _own(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found

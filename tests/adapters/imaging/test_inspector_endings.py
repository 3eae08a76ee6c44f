"""How a pool and its worker processes end: when asked, when the service dies, when they never began."""

import asyncio
import gc
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from app.adapters.imaging.outline import Limits
from app.adapters.imaging.pool import InspectorPool
from app.domain.errors import Overloaded
from tests.support.inspector import MakePool, begun, is_gone, stopped

ROOT = Path(__file__).parents[3]


async def test_closing_ends_every_process(make_pool: MakePool, good: Path, caplog: pytest.LogCaptureFixture) -> None:
    pool = make_pool(workers=2)
    await asyncio.gather(pool.inspect(good), pool.inspect(good))
    pids = pool.pids
    await pool.aclose()
    await pool.aclose()

    assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)
    assert pool.pids == []
    assert caplog.records == []


async def test_closing_refuses_whoever_is_left(make_pool: MakePool, good: Path) -> None:
    pool = make_pool()
    await stopped(pool, good)
    working, waiting = await begun(pool, good), await begun(pool, good)
    await pool.aclose()

    for task in (working, waiting):
        with pytest.raises(Overloaded):
            await task


def test_nothing_is_left_open_when_the_loop_ends(good: Path, recwarn: pytest.WarningsRecorder) -> None:
    async def use() -> None:
        pool = InspectorPool(limits=Limits())
        await pool.inspect(good)
        await pool.aclose()

    asyncio.run(use())
    gc.collect()

    assert [str(warning.message) for warning in recwarn] == []


async def test_a_worker_does_not_outlive_its_input(make_pool: MakePool, good: Path) -> None:
    pool = make_pool()
    await pool.inspect(good)
    (worker,) = pool._alive
    worker._stdin.close()

    assert await asyncio.wait_for(worker._process.wait(), 5) == 0


ORPHAN = """
import asyncio, os, signal, sys
from pathlib import Path
from app.adapters.imaging.outline import Limits
from app.adapters.imaging.pool import InspectorPool

async def main():
    pool = InspectorPool(limits=Limits())
    await pool.inspect(Path(sys.argv[1]))
    os.kill(pool.pids[0], signal.SIGSTOP)
    print(pool.pids[0], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells a process of its parent's death")
def test_a_hanging_worker_dies_with_the_service(good: Path) -> None:
    service = subprocess.Popen([sys.executable, "-c", ORPHAN, good], cwd=ROOT, stdout=subprocess.PIPE)
    with service:
        assert service.stdout is not None
        worker = os.pidfd_open(int(service.stdout.readline()))
        service.kill()
    ended, _, _ = select.select([worker], [], [], 5)
    os.close(worker)

    assert ended


def test_a_worker_that_cannot_start_is_no_pictures_fault(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")

    with pytest.raises(RuntimeError, match="does not start"):
        asyncio.run(InspectorPool(limits=Limits()).inspect(good))

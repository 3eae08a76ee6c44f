"""The pool of worker processes: crashes, hangs, queues and endings.  The processes are real; so are their deaths."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from app.adapters.imaging.outline import Limits
from app.domain.errors import Overloaded, SourceRejected, StorageUnavailable
from tests.support import hostile_pictures as hostile
from tests.support import pictures
from tests.support.inspector import MakePool, begun, is_gone, of_process, reason, stopped, until


async def test_facts_come_back(make_pool: MakePool, good: Path) -> None:
    found = await make_pool().inspect(good)

    assert (found.content_type, found.extension) == ("image/png", "png")
    assert (found.width, found.height, found.frames) == (70, 40, 1)


async def test_no_process_is_started_before_the_first_picture(make_pool: MakePool, good: Path) -> None:
    pool = make_pool(workers=2)
    assert pool.pids == []

    await pool.inspect(good)
    await pool.inspect(good)

    assert len(pool.pids) == 1


async def test_a_refusal_leaves_the_worker_at_work(make_pool: MakePool, good: Path, bad: Path) -> None:
    pool = make_pool()
    await pool.inspect(good)
    before = pool.pids

    assert await reason(pool, bad) == "not_an_image"
    assert (await pool.inspect(good)).width == 70
    assert pool.pids == before


async def test_the_limits_reach_the_worker(make_pool: MakePool, good: Path) -> None:
    assert await reason(make_pool(limits=Limits(max_pixels=2_799)), good) == "too_many_pixels"


async def test_a_file_that_is_not_there_is_not_the_pictures_fault(make_pool: MakePool, tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        await make_pool().inspect(tmp_path / "missing")


async def test_the_working_directory_does_not_matter(
    make_pool: MakePool, good: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported by accident')")
    monkeypatch.chdir(tmp_path)

    assert (await make_pool().inspect(good)).width == 70


async def test_the_worker_inherits_no_secret(make_pool: MakePool, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", "r8_canary")
    pool = make_pool()
    await pool.inspect(good)

    assert b"r8_canary" not in of_process(pool, "environ")


async def test_the_worker_has_given_up_what_it_does_not_need(make_pool: MakePool, good: Path) -> None:
    pool = make_pool(memory_limit=512 << 20)
    await pool.inspect(good)
    lines = of_process(pool, "limits").decode().splitlines()
    limits = {line[:26].strip(): line[26:].split()[:2] for line in lines}

    assert b"NoNewPrivs:\t1" in of_process(pool, "status")
    assert limits["Max address space"] == [str(512 << 20)] * 2
    assert limits["Max file size"] == limits["Max core file size"] == ["0", "0"]
    assert limits["Max open files"] == ["32", "32"]


async def test_a_crash_costs_one_picture(make_pool: MakePool, good: Path) -> None:
    pool = make_pool()
    pid = await stopped(pool, good)
    victim = await begun(pool, good)
    os.kill(pid, signal.SIGSEGV)
    os.kill(pid, signal.SIGCONT)

    with pytest.raises(SourceRejected) as caught:
        await victim
    assert caught.value.reason == "decoder_failed"
    assert (await pool.inspect(good)).width == 70
    assert pid not in pool.pids
    assert is_gone(pid)


async def test_a_worker_killed_from_outside_costs_no_picture(make_pool: MakePool, good: Path) -> None:
    pool = make_pool()
    pid = await stopped(pool, good)
    picture = await begun(pool, good)
    os.kill(pid, signal.SIGKILL)

    assert (await picture).width == 70
    assert pid not in pool.pids


async def test_a_picture_whose_workers_are_killed_twice_is_refused(make_pool: MakePool, good: Path) -> None:
    pool = make_pool(workers=2)
    first = await stopped(pool, good)
    victim = await begun(pool, good)
    await pool.inspect(good)
    (second,) = (worker for worker in pool._alive if worker.pid != first)
    os.kill(second.pid, signal.SIGSTOP)
    os.kill(first, signal.SIGKILL)
    await until(lambda: second.served == 2)
    os.kill(second.pid, signal.SIGKILL)

    with pytest.raises(SourceRejected) as caught:
        await victim
    assert caught.value.reason == "decoder_failed"


async def test_running_out_of_memory_costs_one_picture(make_pool: MakePool, good: Path, tmp_path: Path) -> None:
    pool = make_pool(memory_limit=100 << 20)
    large = tmp_path / "large"
    large.write_bytes(hostile.even_png(12_000, 4_000))
    await pool.inspect(good)
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(1 << 30)

    assert await reason(pool, tmp_path / "huge") == "out_of_memory"
    assert (await pool.inspect(large)).width == 12_000


async def test_a_hang_ends_at_the_timeout(make_pool: MakePool, good: Path) -> None:
    pool = make_pool(timeout=1.0)
    pid = await stopped(pool, good)

    assert await reason(pool, good) == "decoder_timeout"
    assert is_gone(pid)
    assert (await pool.inspect(good)).width == 70


async def test_a_full_queue_refuses_at_once(make_pool: MakePool, good: Path) -> None:
    pool = make_pool(queue_limit=1)
    pid = await stopped(pool, good)
    working, waiting = await begun(pool, good), await begun(pool, good)

    with pytest.raises(Overloaded) as caught:
        await pool.inspect(good)
    assert caught.value.retry_after

    os.kill(pid, signal.SIGCONT)
    assert [(await task).width for task in (working, waiting)] == [70, 70]


async def test_a_cancelled_caller_does_not_shift_the_answers(make_pool: MakePool, good: Path, tmp_path: Path) -> None:
    pool = make_pool()
    other = tmp_path / "other"
    other.write_bytes(pictures.jpeg(30, 20))
    pid = await stopped(pool, good)
    cancelled = await begun(pool, good)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled

    assert (await pool.inspect(other)).width == 30
    assert is_gone(pid)


async def test_a_caller_cancelled_in_the_queue_gives_its_place_back(make_pool: MakePool, good: Path) -> None:
    pool = make_pool(queue_limit=1)
    pid = await stopped(pool, good)
    working, waiting = await begun(pool, good), await begun(pool, good)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    next_one = await begun(pool, good)
    os.kill(pid, signal.SIGCONT)

    assert (await working).width == (await next_one).width == 70


async def test_a_worker_is_replaced_after_so_many_pictures(make_pool: MakePool, good: Path) -> None:
    pool = make_pool(recycle_after=2)
    seen = []
    for _ in range(3):
        await pool.inspect(good)
        seen += pool.pids

    assert len(seen) == 2
    assert len(set(seen)) == 2
    assert is_gone(seen[0])


async def test_many_pictures_at_once_get_their_own_answers(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(workers=2)
    for width in range(1, 31):
        (tmp_path / str(width)).write_bytes(pictures.png(width, 8))

    found = await asyncio.gather(*(pool.inspect(tmp_path / str(width)) for width in range(1, 31)))

    assert [facts.width for facts in found] == list(range(1, 31))
    assert len(pool.pids) == 2

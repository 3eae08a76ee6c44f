"""The renderer's processes, and the copy an inspector makes in passing."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app.adapters.imaging import protocol
from app.adapters.imaging.outline import Limits
from app.adapters.imaging.pool import RendererPool
from app.adapters.imaging.process import WorkerProcess
from app.domain.errors import InvalidInput, Overloaded, RenderingFailed, StorageUnavailable
from app.domain.variants import Rendering, gallery_rendering
from tests.support import hostile_pictures as hostile
from tests.support import pictures
from tests.support.inspector import MakePool, until

NARROW = Rendering(extension="webp", width=32)
MakeRenderer = Callable[..., RendererPool]


@pytest.fixture
async def make_renderer() -> AsyncIterator[MakeRenderer]:
    pools: list[RendererPool] = []

    def make(**options: object) -> RendererPool:
        pools.append(RendererPool(**({"limits": Limits(), "workers": 1} | options)))
        return pools[-1]

    yield make
    for pool in pools:
        await pool.aclose()


def size(content: bytes | None) -> tuple[int, int]:
    assert content is not None
    return Image.open(BytesIO(content)).size


def page_faults(pid: int) -> int:
    """Return how often a process has been given a page of memory: field 10 of proc(5)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


async def test_a_rendering_comes_back(make_renderer: MakeRenderer, good: Path) -> None:
    content = await make_renderer().render(good, NARROW)
    assert size(content) == (32, 18)


async def test_a_large_rendering_comes_back_whole(make_renderer: MakeRenderer, tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(pictures.noise_png(3_000_000))
    content = await make_renderer().render(tmp_path / "noise", Rendering(extension="png"))
    with Image.open(BytesIO(content)) as found, Image.open(tmp_path / "noise") as original:
        assert len(content) > 2_900_000
        assert found.tobytes() == original.tobytes()


async def test_many_at_once_get_their_own(make_renderer: MakeRenderer, good: Path) -> None:
    pool = make_renderer(workers=2)
    widths = range(10, 40)
    made = await asyncio.gather(*(pool.render(good, Rendering(extension="png", width=width)) for width in widths))
    assert [size(each)[0] for each in made] == list(widths)


@pytest.fixture
async def nice_worker() -> AsyncIterator[WorkerProcess]:
    worker = await WorkerProcess.start(limits=Limits(), memory_limit=1 << 30, niceness=5)
    yield worker
    await worker.end()


def test_a_worker_gives_way_from_its_first_moment(nice_worker: WorkerProcess) -> None:
    assert os.getpriority(os.PRIO_PROCESS, nice_worker.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 5


def test_a_worker_shares_our_session_where_giving_way_counts_but_not_our_signals(nice_worker: WorkerProcess) -> None:
    assert os.getsid(nice_worker.pid) == os.getsid(0)
    assert os.getpgid(nice_worker.pid) == nice_worker.pid


async def test_a_worker_gives_way_when_it_is_told_to(make_renderer: MakeRenderer, good: Path) -> None:
    pool = make_renderer(niceness=5)
    await pool.render(good, NARROW)
    (pid,) = pool.pids
    assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + 5


async def test_the_next_picture_gets_the_memory_of_the_one_before(make_renderer: MakeRenderer, tmp_path: Path) -> None:
    pool, path = make_renderer(), tmp_path / "picture"
    path.write_bytes(pictures.png(1024, 1024, mode="RGBA"))
    for _ in range(2):
        await pool.render(path, NARROW)
    (pid,) = pool.pids
    before = page_faults(pid)
    await pool.render(path, NARROW)
    assert page_faults(pid) - before < 100  # of some thousand pages


async def test_what_cannot_be_decoded_fails(make_renderer: MakeRenderer, bad: Path, good: Path) -> None:
    pool = make_renderer()
    with pytest.raises(RenderingFailed):
        await pool.render(bad, NARROW)
    assert size(await pool.render(good, NARROW)) == (32, 18)


async def test_what_would_be_too_large_is_the_askers_fault(make_renderer: MakeRenderer, tmp_path: Path) -> None:
    first, *others = (Image.new("L", (1400, 1401)) for _ in range(52))
    for number, frame in enumerate(others):
        frame.putpixel((number, 0), 255)
    first.save(tmp_path / "long", "GIF", save_all=True, append_images=others)
    with pytest.raises(InvalidInput) as caught:
        await make_renderer().render(tmp_path / "long", Rendering(extension="webp"))
    assert caught.value.field == "image"


async def test_what_memory_cannot_hold_is_refused_with_the_width_it_can(
    make_renderer: MakeRenderer, tmp_path: Path
) -> None:
    (tmp_path / "even").write_bytes(hostile.even_png(5000, 4000))
    pool = make_renderer(memory_limit=200 << 20)
    with pytest.raises(InvalidInput) as caught:
        await pool.render(tmp_path / "even", Rendering(extension="avif"))
    assert caught.value.details == {"reason": "too_many_pixels"}
    fits = int(caught.value.detail.rpartition("at most ")[2].rstrip("."))
    assert 500 < fits < 5000
    assert size(await pool.render(tmp_path / "even", Rendering(extension="avif", width=fits)))[0] == fits


async def test_running_out_of_memory_is_no_damage_to_a_picture(
    make_renderer: MakeRenderer, tmp_path: Path, good: Path
) -> None:
    pool = make_renderer(memory_limit=100 << 20)
    await pool.render(good, NARROW)
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(1 << 30)
    with pytest.raises(InvalidInput) as caught:
        await pool.render(tmp_path / "huge", NARROW)
    assert caught.value.details == {"reason": "out_of_memory"}
    assert size(await pool.render(good, NARROW)) == (32, 18)


async def test_a_file_that_is_gone_is_no_failure_of_a_decoder(make_renderer: MakeRenderer, tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable):
        await make_renderer().render(tmp_path / "gone", NARROW)


async def test_a_crash_costs_one_rendering(make_renderer: MakeRenderer, good: Path) -> None:
    pool = make_renderer()
    await pool.render(good, NARROW)
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    victim = asyncio.create_task(pool.render(good, NARROW))
    (worker,) = pool._alive
    await until(lambda: worker.served == 2)
    os.kill(pid, signal.SIGSEGV)
    os.kill(pid, signal.SIGCONT)

    with pytest.raises(RenderingFailed):
        await victim
    assert size(await pool.render(good, NARROW)) == (32, 18)


async def test_a_full_queue_refuses_at_once(make_renderer: MakeRenderer, good: Path) -> None:
    pool = make_renderer(queue_limit=1)
    await pool.render(good, NARROW)
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    waiting = [asyncio.create_task(pool.render(good, NARROW)) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded) as caught:
        await pool.render(good, NARROW)
    assert caught.value.retry_after
    os.kill(pid, signal.SIGCONT)
    assert [size(await task) for task in waiting] == [(32, 18)] * 2


async def test_an_inspection_can_bring_a_copy(make_pool: MakePool, good: Path, make_renderer: MakeRenderer) -> None:
    found = await make_pool().survey(good, gallery_rendering(32))
    assert (found.facts.width, size(found.copy)) == (70, (32, 18))
    assert found.copy == await make_renderer().render(good, NARROW)


@pytest.mark.parametrize(
    ("data", "width"),
    [
        (pictures.png(70, 40), 70),
        (pictures.png(70, 40), 320),
        (pictures.animated("GIF"), 32),
        (hostile.even_png(5000, 4000), 32),
    ],
    ids=["as wide", "wider", "animated", "huge"],
)
async def test_an_inspection_brings_none_where_that_is_of_no_use(
    make_pool: MakePool, tmp_path: Path, data: bytes, width: int
) -> None:
    (tmp_path / "picture").write_bytes(data)
    found = await make_pool().survey(tmp_path / "picture", gallery_rendering(width))
    assert found.copy is None
    assert found.facts.width > 0


@pytest.mark.parametrize("size", [-1, protocol.MAX_PAYLOAD + 1, "9", None])
def test_a_payload_has_a_bound(size: object) -> None:
    with pytest.raises(ValueError, match="payload"):
        protocol.payload_size({"payload": size})

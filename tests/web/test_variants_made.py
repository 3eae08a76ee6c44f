"""How variants come about, through the whole application: once, within bounds, and never at an ingest's cost."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app.adapters.blobs.volume import VolumeBlobStore
from app.adapters.imaging import pool
from app.domain.errors import SourceRejected
from app.domain.ports import Space
from tests.support import pictures
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.waiting import until

PICTURE = pictures.png(400, 300)
URL = "/v1/images/hosted/ana/pic"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path, VARIANT_QUEUE_LIMIT="2", IMAGE_GALLERY_WIDTH="0") as running:
        await host(running)
        yield running


async def host(service: Service, image: str = "pic", content: bytes = PICTURE) -> None:
    answer = await service.import_url(data_uri(content), image_id=image)
    assert answer.status == 201, await answer.text()


async def read(service: Service, path: str) -> bytes:
    response = await service.http.get(path)
    assert response.status == 200, await response.text()
    return await response.read()


def renders(service: Service) -> int:
    """Return how many requests the renderer's processes have had."""
    return sum(worker.served for worker in service.graph.adapters.renderer._alive)


def kept(service: Service) -> list[Path]:
    return [path for path in (service.folder / "variants").glob("[!.]*/*/*") if path.is_file()]


async def stop_renderer(service: Service) -> int:
    """Return the id of the renderer's process, alive but answering nothing."""
    await read(service, URL + ".jpg?w=640")
    (pid,) = service.graph.adapters.renderer.pids
    os.kill(pid, signal.SIGSTOP)
    return pid


async def test_a_hundred_at_once_have_it_made_once(service: Service) -> None:
    found = await asyncio.gather(*(read(service, URL + ".webp?w=320") for _ in range(100)))
    assert len(set(found)) == 1
    assert renders(service) == 1


async def test_operators_see_how_variants_come_about(service: Service) -> None:
    for path in (".webp", ".webp", ".jpg"):
        response = await service.http.get(URL + path, headers={"Range": "bytes=0-9"})
        assert response.status == 206
    told = await (await service.http.get("/metrics")).text()
    assert 'holdfast_variants_total{outcome="made"} 2.0' in told
    for outcome in ("refused", "failed"):
        assert f'holdfast_variants_total{{outcome="{outcome}"}} 0.0' in told


async def test_it_is_made_once_for_the_next_process_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await host(service)
        first = await read(service, URL + ".jpg?w=160")
    async with serving(tmp_path) as service:
        assert await read(service, URL + ".jpg?w=160") == first
        assert renders(service) == 0


async def test_what_a_power_cut_tore_is_made_again(tmp_path: Path) -> None:
    async with serving(tmp_path, IMAGE_GALLERY_WIDTH="0") as service:
        await host(service)
        first = await read(service, URL + ".jpg?w=160")
        (file,) = kept(service)
    file.write_bytes(bytes(len(first)))
    async with serving(tmp_path) as service:
        assert await read(service, URL + ".jpg?w=160") == first
        assert renders(service) == 1


async def test_the_cache_is_disposable_at_any_time(service: Service) -> None:
    first = await read(service, URL + ".jpg?w=160")
    for file in kept(service):
        file.unlink()
    assert await read(service, URL + ".jpg?w=160") == first


async def test_a_full_queue_is_503_and_recovers(service: Service) -> None:
    pid = await stop_renderer(service)
    waiting = [asyncio.create_task(read(service, f"{URL}.webp?w={width}")) for width in (160, 320)]
    waiting.append(asyncio.create_task(read(service, URL + ".avif?w=160")))
    await until(lambda: service.graph.adapters.renderer._waiting == 2)

    response = await service.http.get(URL + ".png?w=160")
    document = await problem_of(response, status=503, code="overloaded")
    assert document["retryable"] is True
    assert int(response.headers["Retry-After"]) >= 1
    assert response.headers["Cache-Control"] == "no-store"
    os.kill(pid, signal.SIGCONT)
    assert all(await asyncio.gather(*waiting))
    assert await read(service, URL + ".png?w=160")


async def test_a_flood_of_thumbnails_delays_no_ingest(service: Service) -> None:
    pid = await stop_renderer(service)
    waiting = [asyncio.create_task(read(service, f"{URL}.webp?w={width}")) for width in (160, 320)]
    await until(lambda: service.graph.adapters.renderer._waiting == 1)
    other = pictures.png(400, 300, seed=1)
    await host(service, "other", other)
    assert await read(service, "/v1/images/hosted/ana/other") == other
    os.kill(pid, signal.SIGCONT)
    await asyncio.gather(*waiting)


async def test_a_crash_is_told_to_all_who_wait_and_the_next_one_works(service: Service) -> None:
    pid = await stop_renderer(service)
    asked = [asyncio.create_task(service.http.get(URL + ".webp?w=320")) for _ in range(3)]
    await until(lambda: renders(service) == 2)
    os.kill(pid, signal.SIGSEGV)
    os.kill(pid, signal.SIGCONT)
    for response in await asyncio.gather(*asked):
        await problem_of(response, status=500, code="rendering_failed")
        assert response.headers["Cache-Control"] == "no-store"
    assert await read(service, URL) == PICTURE
    # Its own width is not tried again for a while.
    assert await read(service, URL + ".webp?w=640")


async def test_a_client_that_leaves_takes_it_from_nobody(service: Service) -> None:
    pid = await stop_renderer(service)
    leaves, stays = (asyncio.create_task(read(service, URL + ".webp?w=320")) for _ in range(2))
    await until(lambda: renders(service) == 2)
    leaves.cancel()
    await asyncio.wait({leaves})
    os.kill(pid, signal.SIGCONT)
    assert await stays
    assert renders(service) == 2


async def test_an_image_deleted_meanwhile_is_410_and_leaves_nothing(service: Service) -> None:
    pid = await stop_renderer(service)
    waiting = asyncio.create_task(service.http.get(URL + ".webp?w=160"))
    await until(lambda: renders(service) == 2)
    assert (await service.http.delete(URL)).status == 204
    os.kill(pid, signal.SIGCONT)
    assert (await waiting).status in {200, 410}
    await problem_of(await service.http.get(URL + ".webp?w=160"), status=410, code="image_deleted")
    assert kept(service) == []


async def test_a_full_volume_still_serves_variants(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def space(_: VolumeBlobStore) -> Space:
        return Space(total=2**30, free=0)

    monkeypatch.setattr(VolumeBlobStore, "space", space)
    assert await read(service, URL + ".webp?w=160")
    assert kept(service) == []


async def test_the_least_recently_used_give_way(tmp_path: Path) -> None:
    async with serving(tmp_path, VARIANT_CACHE_MB="0.05", IMAGE_GALLERY_WIDTH="0") as service:
        for number in range(6):
            await host(service, f"pic{number}", pictures.noise_png(40_000, seed=number))
            await read(service, f"/v1/images/hosted/ana/pic{number}.jpg")
            await read(service, "/v1/images/hosted/ana/pic0.jpg")
        owners = {file.parent.name for file in kept(service)}
        assert sum(file.stat().st_size for file in kept(service)) <= 0.05 * 2**20
        assert "pic5.png" in owners
        assert "pic1.png" not in owners


async def test_a_cache_of_nothing_makes_each_anew(tmp_path: Path) -> None:
    async with serving(tmp_path, VARIANT_CACHE_MB="0") as service:
        await host(service)
        assert await read(service, URL + ".jpg") == await read(service, URL + ".jpg")
        assert renders(service) == 2


async def test_leftovers_go_at_the_next_start(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await host(service)
    orphan = tmp_path / "variants" / "ana" / "gone.png"
    orphan.mkdir()
    (orphan / "left").write_bytes(b"left")
    async with serving(tmp_path) as service:
        await service.graph.variants.tidy()
        assert not orphan.exists()
        assert [file.parent.name for file in kept(service)] == ["pic.png"]


@pytest.mark.parametrize("content", [PICTURE, pictures.jpeg(400, 300, orientation=6), pictures.webp(400, 300)])
async def test_the_gallerys_copy_is_there_before_anybody_asks(tmp_path: Path, content: bytes) -> None:
    async with serving(tmp_path, IMAGE_GALLERY_WIDTH="160") as service:
        await host(service, content=content)
        found = Image.open(BytesIO(await read(service, URL + ".webp?w=160")))
        assert (found.format, found.size[0], renders(service)) == ("WEBP", 160, 0)


@pytest.mark.parametrize(
    "content", [pictures.png(100, 80), pictures.animated("GIF", width=400)], ids=["narrow", "animated"]
)
async def test_what_has_no_copy_for_the_gallery_is_stored_all_the_same(tmp_path: Path, content: bytes) -> None:
    async with serving(tmp_path) as service:
        await host(service, content=content)
        assert kept(service) == []
        assert await read(service, URL) == content


async def test_a_copy_that_fails_fails_no_ingest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "variants").write_bytes(b"in the way")
    async with serving(tmp_path) as service:
        await host(service)
        assert await read(service, URL) == PICTURE
        assert await read(service, URL + ".webp?w=320")


async def test_a_picture_that_cannot_be_rendered_is_500_and_still_there(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise SourceRejected("corrupt", "The image cannot be rendered.")

    monkeypatch.setattr(pool.RendererPool, "run", fail)
    document = await problem_of(await service.http.get(URL + ".webp"), status=500, code="rendering_failed")
    assert document["retryable"] is False
    assert await read(service, URL) == PICTURE

"""Downloads of a phone that loses its connection, its patience and its service: whole and right in the end, or none."""

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from devkit.clock import FakeClock
from devkit.replicate import ReplicateStandIn
from tests.support.delivered import put
from tests.support.phone import Download
from tests.support.pictures import noise_png
from tests.support.service import Service, serving
from tests.support.still import host, still

SMALL, LARGE = noise_png(20_000, seed=1), noise_png(1_500_000, seed=2)
SIZES = {"small": len(SMALL), "large": len(LARGE)}
CUTS: dict[str, Callable[[int], int]] = {
    "before the first byte": lambda _: 0,
    "after the first byte": lambda _: 1,
    "in the middle": lambda size: size // 2,
    "before the last byte": lambda size: size - 1,
}


def path_of(name: str) -> str:
    return f"/v1/images/hosted/ana/{name}.png"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with still(tmp_path_factory.mktemp("phone")) as running:
        await host(running, "small", content=SMALL)
        await host(running, "large", content=LARGE)
        yield running


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("name", SIZES)
async def test_a_download_that_was_cut_goes_on(service: Service, name: str, cut: Callable[[int], int]) -> None:
    download, most = Download(path_of(name)), cut(SIZES[name])
    await download.go_on(service, most=most)
    await download.go_on(service)
    assert download.told == [200, 206 if most else 200]
    assert download.is_right


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("seed", range(8))
async def test_a_download_in_many_pieces_is_right(service: Service, seed: int) -> None:
    chance = random.Random(seed)
    download = Download(path_of("large"))
    while not download.is_whole:
        await download.go_on(service, most=chance.choice([0, 1, 2, 1000, 65536, 262_144, 262_145, 400_000]))
    assert download.is_right
    assert bytes(download.received) == LARGE


@pytest.mark.asyncio(loop_scope="module")
async def test_a_download_that_missed_only_its_end_is_told_so(service: Service) -> None:
    download = Download(path_of("small"))
    await download.go_on(service)
    await download.go_on(service)
    assert download.told == [200, 416]
    assert download.is_right


async def test_a_restart_in_between_changes_nothing(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    download = Download(path_of("pic"))
    async with serving(tmp_path, replicate) as service:
        url = put(replicate, content=LARGE)
        assert (await service.import_url(url, image_id="pic")).status == 201
        await download.go_on(service, most=300_000)
    for piece in (1, 500_000, None):
        replicate.clock.advance(3600)
        async with serving(tmp_path, replicate) as service:
            await download.go_on(service, most=piece)
    assert download.told == [200, 206, 206, 206]
    assert download.is_right


async def test_a_deletion_in_between_ends_it(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    download = Download(path_of("pic"))
    async with serving(tmp_path, replicate) as service:
        await service.import_url(put(replicate, content=LARGE), image_id="pic")
        await download.go_on(service, most=300_000)
        await service.http.delete(path_of("pic"))
        await download.go_on(service)
    assert download.told == [200, 410]
    assert len(download.received) == 300_000


@pytest.mark.parametrize("content", [LARGE, noise_png(1_500_000, seed=3)], ids=["the same bytes", "other bytes"])
async def test_an_import_under_the_id_of_a_deleted_image_never_mixes_with_it(
    tmp_path: Path, replicate: ReplicateStandIn, content: bytes
) -> None:
    download = Download(path_of("pic"))
    async with serving(tmp_path, replicate) as service:
        await service.import_url(put(replicate, content=LARGE), image_id="pic")
        await download.go_on(service, most=300_000)
        await service.http.delete(path_of("pic"))
    async with serving(tmp_path, replicate) as service:
        anew = await service.import_url(put(replicate, "/b/out-0.png", content), image_id="pic")
        await download.go_on(service)
    assert anew.status == 409
    assert download.told == [200, 410]


async def test_another_store_behind_the_same_url_starts_it_over(tmp_path: Path) -> None:
    other = noise_png(1_500_000, seed=4)
    download = Download(path_of("pic"))
    for folder, content, most in (("first", LARGE, 300_000), ("second", other, None)):
        async with still(tmp_path / folder, clock=FakeClock()) as service:
            await host(service, "pic", content=content)
            await download.go_on(service, most=most)
    assert download.told == [200, 200]
    assert download.is_right
    assert bytes(download.received) == other


async def test_a_store_restored_elsewhere_lets_it_go_on(tmp_path: Path) -> None:
    download = Download(path_of("pic"))
    for folder, most in (("first", 300_000), ("second", None)):
        clock = FakeClock()
        clock.advance(1000 * len(folder))
        async with still(tmp_path / folder, clock=clock) as service:
            await host(service, "pic", content=LARGE)
            await download.go_on(service, most=most)
    assert download.told == [200, 206]
    assert download.is_right


async def test_a_deletion_under_way_does_not_change_what_is_being_sent(tmp_path: Path) -> None:
    download = Download(path_of("pic"))
    async with still(tmp_path) as service:
        await host(service, "pic", content=LARGE)
        reading = await service.http.get(path_of("pic"))
        await service.http.delete(path_of("pic"))
        assert await reading.read() == LARGE
        await download.go_on(service)
    assert download.told == [410]

"""The volume turns read-only under the running service: it serves on, refuses the rest, and recovers by itself."""

import asyncio
import errno
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import ClientResponse

from devkit.replicate import ReplicateStandIn
from tests.support.asking import ask, keep, lines, look, picture_of, readiness, status_of
from tests.support.command import run
from tests.support.faulty_disk import CHANGES, faulty_service
from tests.support.problems import problem_of
from tests.support.processes import ServiceProcess, service_process
from tests.support.service import environment
from tests.support.volumes import Volume, ext4
from tests.support.waiting import until

BEFORE = ("one", "two", "three")


@pytest.fixture
def image_volume(tmp_path: Path) -> Iterator[Volume]:
    """A volume of its own under the images; the catalog lies beside it, so that it can be remounted."""
    with ext4(tmp_path / "volume.img", tmp_path / "images") as volume:
        yield volume


@pytest.fixture
def data_volume(tmp_path: Path) -> Iterator[Volume]:
    """A volume under all data, as a platform attaches it."""
    with ext4(tmp_path / "volume.img", tmp_path / "data") as volume:
        yield volume


async def assert_serves(service: ServiceProcess, *names: str) -> None:
    """Check every way of reading images, none of which was read before."""
    for name in names:
        picture = picture_of(name)
        assert await look(service, name, "HEAD") == (200, b"")
        assert await look(service, name) == (200, picture)
        assert await look(service, name, Range="bytes=2-5") == (206, picture[2:6])
        assert (await look(service, name, **{"If-None-Match": f'"{sha256(picture).hexdigest()}"'}))[0] == 304
        assert await status_of(service, name) == "stored"
    # All at once: more connections to the catalog than were open before.
    lists = [ask(service, "/v1/users/ana/images") for _ in range(8)]
    assert set(await asyncio.gather(*lists)) == {200}


async def assert_refused(answer: ClientResponse) -> None:
    problem = await problem_of(answer, status=503, code="storage_unavailable")
    assert problem["retryable"] is True
    assert answer.headers["Retry-After"]


async def assert_refuses_changes(service: ServiceProcess) -> None:
    generation = {"user_id": "ana", "model": "acme/painter", "input": {"prompt": "a red square"}}
    await assert_refused(await keep(service, "during"))
    await assert_refused(await service.http.post("/v1/images/generate", json=generation))
    await assert_refused(await service.http.delete("/v1/images/hosted/ana/one.png"))
    await assert_refused(await service.http.delete("/v1/users/ana"))
    assert (await readiness(service))[0] == 503
    assert (await readiness(service))[1]["volume"] == "storage_unavailable"
    assert await ask(service, "/livez") == 200


async def _is_ready(service: ServiceProcess) -> bool:
    return (await readiness(service))[0] == 200


async def test_it_serves_on_refuses_changes_and_works_again_by_itself(
    tmp_path: Path, shim: Path, replicate: ReplicateStandIn
) -> None:
    settings = environment(tmp_path, replicate)
    async with faulty_service(settings, tmp_path / "log", shim=shim, below=tmp_path) as (service, disk):
        for name in BEFORE:
            await keep(service, name)
        disk.fail(CHANGES, errno.EROFS)
        await assert_refuses_changes(service)
        await assert_serves(service, *BEFORE)
        disk.heal()
        assert (await keep(service, "during")).status == 201
        assert (await look(service, "one", "DELETE"))[0] == 204
        await until(lambda: _is_ready(service))
        assert service.process.returncode is None
    assert len(replicate.predictions) == 0
    assert service.process.returncode == 0


async def _has(service: ServiceProcess, name: str, status: str) -> bool:
    return await status_of(service, name) == status


async def test_its_log_is_not_flooded(tmp_path: Path, shim: Path) -> None:
    async with faulty_service(environment(tmp_path), tmp_path / "log", shim=shim, below=tmp_path) as (service, disk):
        for name in BEFORE:
            await keep(service, name)
        disk.fail(CHANGES, errno.EROFS)
        for _ in range(20):
            await look(service, "one")
            await readiness(service)
    loud = [line["message"] for line in lines(tmp_path / "log") if line["level"] in {"warn", "error"}]
    assert loud[1:] == ["not ready", "the last access times are not recorded"]
    assert service.process.returncode == 0


async def test_an_image_volume_that_is_remounted_serves_on_and_takes_up_what_waited(
    tmp_path: Path, image_volume: Volume
) -> None:
    async with service_process(environment(tmp_path, VOLUME_RESERVE_MB="1"), tmp_path / "log") as service:
        for name in BEFORE:
            await keep(service, name)
        image_volume.remount("ro")
        await assert_serves(service, *BEFORE)
        assert (await keep(service, "during", wait=0.2)).status == 202
        assert await readiness(service) == (503, {"volume": "storage_unavailable", "database": "ok"})
        await assert_refused(await service.http.delete("/v1/images/hosted/ana/one.png"))
        image_volume.remount("rw")
        await until(lambda: _has(service, "during", "stored"))
        assert await look(service, "during") == (200, picture_of("during"))


async def test_a_volume_that_ext4_gives_up_serves_on(tmp_path: Path, data_volume: Volume) -> None:
    settings = environment(data_volume.path, VOLUME_RESERVE_MB="1")
    async with service_process(settings, tmp_path / "log") as service:
        for name in BEFORE:
            await keep(service, name)
        data_volume.break_down()
        await assert_refused(await keep(service, "during"))
        await assert_refused(await service.http.delete("/v1/images/hosted/ana/one.png"))
        assert (await readiness(service))[0] == 503
        await assert_serves(service, *BEFORE)
        assert service.process.returncode is None
    assert service.process.returncode == 0


async def test_on_a_read_only_volume_it_does_not_start_and_says_why(tmp_path: Path, data_volume: Volume) -> None:
    settings = environment(data_volume.path, VOLUME_RESERVE_MB="1")
    async with service_process(settings, tmp_path / "log") as service:
        await keep(service, "one")
    data_volume.remount("ro")
    done = await asyncio.to_thread(run, data_volume.path, "serve", **settings)
    assert done.code == 1
    assert "ead-only" in done.out.splitlines()[-1]
    assert "exception" not in done.out

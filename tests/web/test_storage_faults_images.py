"""The disk under the images fails: nothing false is said, nothing is half there, and captures go on afterwards."""

import errno
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.support.asking import keep, lines, look, picture_of, readiness, status_of
from tests.support.faulty_disk import CHANGES, FaultyDisk, Kind, faulty_service
from tests.support.problems import problem_of
from tests.support.processes import ServiceProcess
from tests.support.service import environment
from tests.support.waiting import until


def failing_images(folder: Path, shim: Path) -> AbstractAsyncContextManager[tuple[ServiceProcess, FaultyDisk]]:
    """Run a service whose calls on the images can fail; the catalog is sound."""
    return faulty_service(environment(folder), folder / "log", shim=shim, below=folder / "images")


def files(folder: Path) -> list[str]:
    """Return every file of the images, the staged ones included."""
    found = (path.relative_to(folder / "images") for path in (folder / "images").rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.name != ".holdfast-volume")


async def _stored(service: ServiceProcess, name: str) -> bool:
    return await status_of(service, name) == "stored"


async def test_while_no_file_can_be_synced_nothing_is_said_to_be_stored(tmp_path: Path, shim: Path) -> None:
    async with failing_images(tmp_path, shim) as (service, disk):
        disk.fail(Kind.SYNC, errno.EIO)
        answer = await keep(service, "image", wait=1)
        assert (answer.status, (await answer.json())["status"]) == (202, "capturing")
        assert (await look(service, "image"))[0] == 503
        assert files(tmp_path) == []
        assert await readiness(service) == (503, {"volume": "storage_unavailable", "database": "ok"})
        assert disk.heal() >= 2
        await until(lambda: _stored(service, "image"))
        assert await look(service, "image") == (200, picture_of("image"))


@pytest.mark.parametrize("nth", [1, 3], ids=["the file", "its folder"])
async def test_a_sync_that_fails_once_costs_a_new_file_and_no_image(tmp_path: Path, shim: Path, nth: int) -> None:
    async with failing_images(tmp_path, shim) as (service, disk):
        disk.fail_once(Kind.SYNC, errno.EIO, nth=nth)
        assert (await keep(service, "image")).status == 201
        assert disk.heal() == 1
        assert await look(service, "image") == (200, picture_of("image"))
    assert files(tmp_path) == ["ana/image.png"]
    (again,) = [line for line in lines(tmp_path / "log") if line["message"] == "capture will be tried again"]
    assert again["error"].startswith("storage_unavailable")


FULL = pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=["full", "quota"])


@FULL
async def test_a_volume_that_takes_nothing_more_keeps_what_was_promised_for_later(
    tmp_path: Path, shim: Path, number: int
) -> None:
    async with failing_images(tmp_path, shim) as (service, disk):
        await keep(service, "before")
        disk.fail(Kind.CREATE | Kind.WRITE | Kind.FOLDER | Kind.NAME, number)
        assert (await keep(service, "during", wait=0.2)).status == 202
        assert await readiness(service) == (503, {"volume": "storage_full", "database": "ok"})
        assert await look(service, "before") == (200, picture_of("before"))
        assert (await look(service, "before", "DELETE"))[0] == 204
        assert files(tmp_path) == []
    assert [line for line in lines(tmp_path / "log") if "exception" in line] == []


async def test_a_deletion_whose_file_stays_is_done_later_and_never_served(tmp_path: Path, shim: Path) -> None:
    async with failing_images(tmp_path, shim) as (service, disk):
        await keep(service, "image")
        disk.fail(CHANGES, errno.EROFS)
        refused = await service.http.delete("/v1/images/hosted/ana/image.png")
        await problem_of(refused, status=503, code="storage_unavailable")
        assert (await look(service, "image"))[0] == 410
        disk.heal()
    async with failing_images(tmp_path, shim) as (service, _):
        assert (await look(service, "image"))[0] == 410
    assert files(tmp_path) == []

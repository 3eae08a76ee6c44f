"""The disk under the catalog fails: nothing is written any more, the process ends, and the next one has everything."""

import errno
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.support.asking import ask, ended, keep, lines, look, picture_of, readiness, status_of
from tests.support.faulty_disk import FaultyDisk, Kind, faulty_service
from tests.support.problems import problem_of
from tests.support.processes import ServiceProcess, service_process
from tests.support.service import environment
from tests.support.waiting import until

WRITES = pytest.mark.parametrize("kind", [Kind.SYNC, Kind.WRITE], ids=["fsync", "write"])


def failing_catalog(folder: Path, shim: Path) -> AbstractAsyncContextManager[tuple[ServiceProcess, FaultyDisk]]:
    """Run a service whose calls on the catalog, its log included, can fail."""
    settings = environment(folder, SHUTDOWN_GRACE_SECONDS="2")
    return faulty_service(settings, folder / "first.log", shim=shim, below=folder / "holdfast.db")


def next_one(folder: Path) -> AbstractAsyncContextManager[ServiceProcess]:
    return service_process(environment(folder), folder / "next.log")


@WRITES
async def test_a_commit_that_fails_ends_the_process_and_the_next_one_has_all_that_was_promised(
    tmp_path: Path, shim: Path, kind: Kind
) -> None:
    async with failing_catalog(tmp_path, shim) as (service, disk):
        assert (await keep(service, "before")).status == 201
        disk.fail_once(kind, errno.EIO)
        await problem_of(await keep(service, "during"), status=503, code="storage_unavailable")
        assert await ended(service) == 1
    async with next_one(tmp_path) as service:
        assert await look(service, "before") == (200, picture_of("before"))
        assert (await keep(service, "during")).status in {200, 201}
        assert (await readiness(service))[0] == 200


async def test_it_says_why_it_ends_and_stops_as_it_does_when_it_is_told_to(tmp_path: Path, shim: Path) -> None:
    async with failing_catalog(tmp_path, shim) as (service, disk):
        disk.fail(Kind.SYNC, errno.EIO)
        await keep(service, "during")
        await ended(service)
    said = lines(tmp_path / "first.log")
    assert [line["message"] for line in said if "disk failed" in line["message"]] == [
        "the catalog's disk failed: this process writes no more"
    ]
    assert "stopping" in [line["message"] for line in said]
    assert said[-1]["message"] == "stopped"


async def test_an_image_whose_row_could_not_be_written_is_there_after_the_restart(tmp_path: Path, shim: Path) -> None:
    async with failing_catalog(tmp_path, shim) as (service, disk):
        assert (await keep(service, "before")).status == 201
        disk.fail_once(Kind.SYNC, errno.EIO, nth=3)  # registered, claimed; the commit that says `stored` fails
        answer = await keep(service, "during")
        assert answer.status == 202
        assert await ended(service) == 1
    async with next_one(tmp_path) as service:
        await until(lambda: _is_stored(service, "during"))
        assert await look(service, "during") == (200, picture_of("during"))


async def _is_stored(service: ServiceProcess, name: str) -> bool:
    return await status_of(service, name) == "stored"


async def test_a_deletion_whose_commit_fails_is_no_success_and_is_finished_when_asked_again(
    tmp_path: Path, shim: Path
) -> None:
    async with failing_catalog(tmp_path, shim) as (service, disk):
        assert (await keep(service, "image")).status == 201
        disk.fail_once(Kind.SYNC, errno.EIO)
        assert (await look(service, "image", "DELETE"))[0] == 503
        assert await ended(service) == 1
    assert (tmp_path / "images" / "ana" / "image.png").exists()
    async with next_one(tmp_path) as service:
        assert (await look(service, "image", "DELETE"))[0] == 204
        assert (await look(service, "image"))[0] == 410
    assert not (tmp_path / "images" / "ana" / "image.png").exists()


async def test_a_page_that_cannot_be_read_is_no_reason_to_end(tmp_path: Path, shim: Path) -> None:
    async with failing_catalog(tmp_path, shim) as (service, disk):
        assert (await keep(service, "image")).status == 201
        disk.fail(Kind.READ, errno.EIO)
        await ask(service, "/v1/users/ana/images")
        disk.heal()
        assert (await keep(service, "another")).status == 201
        assert service.process.returncode is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=["full", "quota"])
async def test_a_catalog_that_has_no_room_refuses_and_goes_on_once_it_has(
    tmp_path: Path, shim: Path, number: int
) -> None:
    async with faulty_service(environment(tmp_path), tmp_path / "first.log", shim=shim, below=tmp_path) as (
        service,
        disk,
    ):
        assert (await keep(service, "before")).status == 201
        disk.fail(Kind.WRITE | Kind.CREATE | Kind.CUT | Kind.FOLDER | Kind.NAME, number)
        refused = await problem_of(await keep(service, "during"), status=507, code="storage_full")
        assert refused["retryable"] is True
        assert await look(service, "before") == (200, picture_of("before"))
        disk.heal()
        assert (await keep(service, "during")).status == 201
        assert (await look(service, "before", "DELETE"))[0] == 204

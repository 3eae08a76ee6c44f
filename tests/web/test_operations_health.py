"""`/livez` and `/readyz`: alive is not ready, and ready means that the volume takes a write."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import StorageUnavailable
from devkit.clock import FakeClock
from tests.support.service import Service
from tests.support.still import still

MIB = 2**20


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, clock=FakeClock()) as running:
        yield running


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """Mount a volume of 24 MiB where the images lie; the catalog stays beside it."""
    folder = tmp_path / "images"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("only root can mount a small volume")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)


def free_bytes(folder: Path) -> int:
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize


async def ready(service: Service) -> tuple[int, dict[str, Any]]:
    service.clock.advance(6)
    response = await service.http.get("/readyz")
    return response.status, await response.json()


async def test_a_healthy_service_is_alive_and_ready(service: Service) -> None:
    assert await (await service.http.get("/livez")).json() == {"status": "alive"}
    status, document = await ready(service)
    assert status == 200
    assert document["status"] == "ready"
    assert document["checks"] == {"volume": "ok", "database": "ok"}
    assert document["captures_open"] == 0
    assert document["free_bytes"] > 0


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_are_kept_nowhere_and_answer_head(service: Service, path: str) -> None:
    for method in ("GET", "HEAD"):
        response = await service.http.request(method, path)
        assert (response.status, response.headers["Cache-Control"]) == (200, "private, no-store")


async def test_a_full_volume_is_not_ready_until_there_is_room(tmp_path: Path, small_volume: Path) -> None:
    async with still(tmp_path, clock=FakeClock(), VOLUME_RESERVE_MB="8") as service:
        assert (await ready(service))[0] == 200
        filler = small_volume / "filler"
        filler.write_bytes(bytes(free_bytes(small_volume) - MIB))
        status, document = await ready(service)
        assert (status, document["status"], document["checks"]["volume"]) == (503, "not_ready", "storage_full")
        assert (await service.http.get("/livez")).status == 200
        filler.unlink()
        assert (await ready(service))[0] == 200


async def test_a_read_only_volume_is_not_ready_until_it_can_be_written(tmp_path: Path, small_volume: Path) -> None:
    async with still(tmp_path, clock=FakeClock(), VOLUME_RESERVE_MB="1") as service:
        remount(small_volume, "ro")
        status, document = await ready(service)
        remount(small_volume, "rw")
        assert (status, document["checks"]["volume"]) == (503, "storage_unavailable")
        assert (await ready(service))[0] == 200


async def test_a_missing_folder_is_not_ready(service: Service) -> None:
    (service.folder / "images" / ".staging").rmdir()
    assert (await ready(service))[0] == 503
    (service.folder / "images" / ".staging").mkdir()
    assert (await ready(service))[0] == 200


async def test_a_catalog_that_fails_is_not_ready(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise StorageUnavailable("The catalog is unavailable.")

    monkeypatch.setattr(service.graph.adapters.captures, "backlog", fail)
    status, document = await ready(service)
    assert (status, document["checks"]["database"]) == (503, "storage_unavailable")


async def test_a_service_that_stops_is_not_ready(service: Service) -> None:
    service.graph.health.stop()
    status, document = await ready(service)
    assert (status, document["checks"]["service"]) == (503, "stopping")


async def test_asking_often_writes_seldom(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    probes = 0
    blobs = service.graph.adapters.blobs
    real = blobs.probe

    async def probe() -> None:
        nonlocal probes
        probes += 1
        await real()

    monkeypatch.setattr(blobs, "probe", probe)
    service.clock.advance(6)
    for _ in range(20):
        assert (await service.http.get("/readyz")).status == 200
    assert probes == 1


async def test_capabilities_say_what_apps_need_to_know(tmp_path: Path) -> None:
    async with still(tmp_path, REQUEST_MAX_MB="3", IMAGE_MAX_AGE_DAYS="0.5", IMAGE_PER_USER_LIMIT="0") as service:
        document = await (await service.http.get("/v1/capabilities")).json()
    assert document["version"]
    assert document["limits"]["request_bytes"] == 3 * MIB
    assert document["limits"]["page"] == 200
    assert {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"} <= set(document["formats"])
    assert document["retention"] == {
        "max_age_days": 0.5,
        "chat_max_age_days": 30.0,
        "min_age_hours": 24.0,
        "images_per_user": None,
    }

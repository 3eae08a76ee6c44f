"""What an owner has, what may be had, and what goes next and why."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devkit.clock import FakeClock
from tests.support.service import Service
from tests.support.still import PICTURE, host, promise, still

DAY = 86400


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, clock=FakeClock(), IMAGE_PER_USER_LIMIT="3", IMAGE_MAX_AGE_DAYS="10.5") as running:
        yield running


async def usage(service: Service, user: str = "ana") -> dict[str, Any]:
    response = await service.http.get(f"/v1/users/{user}/usage")
    assert response.status == 200
    document: dict[str, Any] = await response.json()
    return document


async def test_images_and_bytes_are_counted(service: Service) -> None:
    await host(service, "one")
    await host(service, "two")
    await promise(service, "three")
    await host(service, user="bob")
    found = await usage(service)
    assert (found["user_id"], found["images"], found["bytes"], found["capturing"]) == ("ana", 2, 2 * len(PICTURE), 1)


async def test_deleted_images_do_not_count(service: Service) -> None:
    await host(service)
    await service.http.delete("/v1/images/hosted/ana/pic")
    found = await usage(service)
    assert (found["images"], found["bytes"]) == (0, 0)


async def test_the_limits_are_told(service: Service) -> None:
    assert (await usage(service))["limits"] == {"images": 3, "max_age_days": 10.5, "min_age_hours": 24.0}


async def test_limits_that_are_off_are_null(tmp_path: Path) -> None:
    async with still(tmp_path, IMAGE_PER_USER_LIMIT="0", IMAGE_MAX_AGE_DAYS="0") as service:
        limits = (await usage(service))["limits"]
    assert (limits["images"], limits["max_age_days"]) == (None, None)


async def test_what_goes_by_age_is_told_with_its_time(service: Service) -> None:
    await host(service)
    assert (await usage(service))["next"] == [{"id": "pic", "reason": "expired", "at": "2026-01-12T00:00:00Z"}]


async def test_what_the_next_image_pushes_out_comes_first(service: Service) -> None:
    for name in ("one", "two", "three"):
        await host(service, name)
        service.clock.advance(DAY)
    first = (await usage(service))["next"][0]
    assert first == {"id": "one", "reason": "over_limit", "at": None}


async def test_at_most_ten_are_told(tmp_path: Path) -> None:
    async with still(tmp_path, IMAGE_PER_USER_LIMIT="0") as service:
        for number in range(12):
            await host(service, f"pic-{number}")
        assert len((await usage(service))["next"]) == 10


async def test_nobody_has_nothing(service: Service) -> None:
    found = await usage(service, "nobody")
    assert (found["images"], found["bytes"], found["capturing"], found["next"]) == (0, 0, 0, [])

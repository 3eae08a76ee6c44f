"""An owner's images, newest first, in keyset pages."""

from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from devkit.clock import FakeClock
from tests.support.service import Service
from tests.support.still import host, promise, still


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, clock=FakeClock()) as running:
        yield running


async def page(service: Service, *, user: str = "ana", **query: Any) -> dict[str, Any]:
    response = await service.http.get(f"/v1/users/{user}/images", params=query)
    assert response.status == 200
    document: dict[str, Any] = await response.json()
    return document


async def walk(service: Service, limit: int) -> list[list[str]]:
    pages, cursor = [], ""
    while True:
        found = await page(service, limit=limit, cursor=cursor)
        pages.append([image["id"] for image in found["images"]])
        if found["next_cursor"] is None:
            return pages
        cursor = found["next_cursor"]


async def test_a_hundred_and_twenty_images_are_three_pages(service: Service) -> None:
    for number in range(120):
        await promise(service, f"pic-{number:03}")
        service.clock.advance(1)
    pages = await walk(service, 50)
    assert [len(each) for each in pages] == [50, 50, 20]
    assert list(chain(*pages)) == [f"pic-{number:03}" for number in reversed(range(120))]


async def test_images_of_the_same_moment_are_neither_lost_nor_doubled(service: Service) -> None:
    names = {f"pic-{number}" for number in range(11)}
    for name in names:
        await promise(service, name)
    found = list(chain(*await walk(service, 3)))
    assert len(found) == len(names)
    assert set(found) == names


async def test_a_deletion_between_pages_skips_nothing_and_repeats_nothing(service: Service) -> None:
    for number in range(6):
        await promise(service, f"pic-{number}")
        service.clock.advance(1)
    first = await page(service, limit=3)
    for name in ("pic-4", "pic-3", "pic-1"):
        await service.http.delete(f"/v1/images/hosted/ana/{name}")
    second = await page(service, limit=3, cursor=first["next_cursor"])
    assert [image["id"] for image in second["images"]] == ["pic-2", "pic-0"]
    assert second["next_cursor"] is None


async def test_an_image_that_comes_between_pages_is_on_neither(service: Service) -> None:
    for number in range(4):
        await promise(service, f"pic-{number}")
        service.clock.advance(1)
    first = await page(service, limit=2)
    await promise(service, "new")
    second = await page(service, limit=2, cursor=first["next_cursor"])
    assert [image["id"] for image in second["images"]] == ["pic-1", "pic-0"]
    assert (await page(service, limit=1))["images"][0]["id"] == "new"


async def test_a_full_last_page_is_the_last(service: Service) -> None:
    for number in range(4):
        await promise(service, f"pic-{number}")
    assert [len(each) for each in await walk(service, 2)] == [2, 2]
    assert [len(each) for each in await walk(service, 4)] == [4]


async def test_a_page_holds_fifty_unless_asked(service: Service) -> None:
    for number in range(51):
        await promise(service, f"pic-{number}")
    assert len((await page(service))["images"]) == 50
    assert len((await page(service, limit=200))["images"]) == 51


async def test_nobody_has_no_images(service: Service) -> None:
    assert await page(service, user="nobody") == {"images": [], "next_cursor": None}


async def test_an_owner_sees_only_their_own(service: Service) -> None:
    await host(service, user="ana")
    await host(service, user="bob")
    listed = await page(service)
    assert [(image["user_id"], image["id"]) for image in listed["images"]] == [("ana", "pic")]


async def test_the_list_shows_the_documents_and_no_tombstones(service: Service) -> None:
    await host(service, "kept")
    await host(service, "gone")
    await service.http.delete("/v1/images/hosted/ana/gone")
    (listed,) = (await page(service))["images"]
    assert listed == await (await service.http.get("/v1/images/hosted/ana/kept/info")).json()


async def test_a_list_is_kept_nowhere(service: Service) -> None:
    response = await service.http.get("/v1/users/ana/images")
    assert response.headers["Cache-Control"] == "private, no-store"

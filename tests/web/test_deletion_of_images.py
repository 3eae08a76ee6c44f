"""Deleting: the row first, the bytes with it, a tombstone for good."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.clock import FakeClock
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.still import PICTURE, host, promise, still

URL = "/v1/images/hosted/ana/pic"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, clock=FakeClock()) as running:
        await host(running)
        yield running


async def test_deleting_twice_is_204_both_times(service: Service) -> None:
    first, second = await service.http.delete(URL), await service.http.delete(URL + ".png")
    assert (first.status, second.status) == (204, 204)
    assert first.headers["Cache-Control"] == "private, no-store"
    assert await first.read() == b""


async def test_deleting_what_never_was_is_204_and_leaves_nothing(service: Service) -> None:
    assert (await service.http.delete("/v1/images/hosted/ana/never")).status == 204
    await problem_of(await service.http.get("/v1/images/hosted/ana/never"), status=404, code="not_found")


@pytest.mark.parametrize("path", [URL, URL + ".png", URL + "/info"])
async def test_a_deleted_image_is_410_and_says_why_and_when(service: Service, path: str) -> None:
    service.clock.advance(60)
    await service.http.delete(URL)
    document = await problem_of(await service.http.get(path), status=410, code="image_deleted")
    assert (document["reason"], document["deleted_at"]) == ("user_request", "2026-01-01T12:01:00Z")


async def test_a_tombstone_may_be_kept_for_minutes_but_only_where_images_are_public(service: Service) -> None:
    await service.http.delete(URL)
    assert (await service.http.get(URL)).headers["Cache-Control"] == "max-age=300"
    assert (await service.http.get(URL + "/info")).headers["Cache-Control"] == "private, no-store"


async def test_the_second_deletion_does_not_change_the_first(service: Service) -> None:
    await service.http.delete(URL)
    before = await (await service.http.get(URL)).json(content_type=None)
    service.clock.advance(3600)
    await service.http.delete(URL)
    assert await (await service.http.get(URL)).json(content_type=None) == before


async def test_the_bytes_are_gone_at_once(service: Service) -> None:
    assert service.files() == ["pic.png"]
    await service.http.delete(URL)
    assert service.files() == []


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_no_condition_or_range_gets_around_a_tombstone(service: Service, method: str) -> None:
    etag = (await service.http.get(URL)).headers["ETag"]
    await service.http.delete(URL)
    for headers in ({"If-None-Match": etag}, {"Range": "bytes=0-5"}, {"If-Match": etag}):
        response = await service.http.request(method, URL, headers=headers)
        assert response.status == 410


async def test_what_is_deleted_cannot_be_signed(service: Service) -> None:
    await service.http.delete(URL)
    await problem_of(await service.post(URL + "/signed-url", {}), status=410, code="image_deleted")


async def test_an_image_on_its_way_can_be_deleted(service: Service) -> None:
    await promise(service, "later")
    assert (await service.http.delete("/v1/images/hosted/ana/later")).status == 204
    assert (await service.http.get("/v1/images/hosted/ana/later")).status == 410
    assert (await service.graph.adapters.captures.backlog()).open == 0


async def test_the_id_of_a_deleted_image_is_not_given_again(service: Service) -> None:
    await service.http.delete(URL)
    again = await service.import_url("data:image/png;base64,iVBORw0KGgo=", image_id="pic")
    await problem_of(again, status=409, code="image_id_taken")


async def test_a_download_under_way_is_finished(service: Service) -> None:
    response = await service.http.get(URL)
    await service.http.delete(URL)
    assert await response.read() == PICTURE


async def test_only_the_named_image_goes(service: Service) -> None:
    await host(service, "pic2")
    await host(service, user="bob")
    await service.http.delete(URL)
    assert (await service.http.get("/v1/images/hosted/ana/pic2")).status == 200
    assert (await service.http.get("/v1/images/hosted/bob/pic")).status == 200

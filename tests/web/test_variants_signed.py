"""Variants where links are signed: a link opens its image in every form that is made, and nothing more."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from devkit.clock import FakeClock
from tests.support.pictures import png
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.sources import data_uri

KEY = "a-service-key-of-some-length"
AUTH = {"Authorization": f"Bearer {KEY}"}
PATH = "/v1/images/hosted/ana/pic"
SETTINGS = {"IMAGE_ACCESS": "signed", "API_KEYS": KEY, "SIGNING_KEYS": "first-signing-key,second-signing-key"}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path, clock=FakeClock(), **SETTINGS) as running:
        for seed, image in enumerate(("pic", "pic2")):
            body = {"user_id": "ana", "url": data_uri(png(400, 300, seed=seed)), "image_id": image}
            answer = await running.post("/v1/images/import", body, headers=AUTH)
            assert answer.status == 201
        yield running


async def link(service: Service) -> URL:
    response = await service.post(PATH + "/signed-url", {"expires_in": 600}, headers=AUTH)
    return URL((await response.json())["url"])


@pytest.mark.parametrize("path", [PATH + ".webp", PATH + ".jpg", PATH, PATH + ".png"])
@pytest.mark.parametrize("width", ["", "160"])
async def test_a_link_opens_its_image_in_every_form(service: Service, path: str, width: str) -> None:
    url = (await link(service)).with_path(path, keep_query=True)
    response = await service.http.get(url.update_query(w=width) if width else url)
    assert response.status == 200
    assert response.headers["Cache-Control"] == "private, max-age=600"


async def test_the_owner_sees_variants_and_no_cache_keeps_them(service: Service) -> None:
    response = await service.http.get(PATH + ".webp?w=160", headers=AUTH)
    assert (response.status, response.headers["Cache-Control"]) == (200, "private, no-store")


@pytest.mark.parametrize("path", [PATH + ".webp", PATH + "?w=160", PATH + ".webp?w=161", PATH + ".gif"])
async def test_without_a_link_nothing_is_made(service: Service, path: str) -> None:
    await problem_of(await service.http.get(path), status=401, code="unauthorized")
    assert service.graph.adapters.renderer.pids == []


async def test_a_link_makes_no_width_that_is_not_made(service: Service) -> None:
    url = await link(service)
    for each in (url.update_query(w="161"), url.extend_query(w="160").extend_query(w="320")):
        document = await problem_of(await service.http.get(each), status=422, code="invalid_request")
        assert document["field"] == "w"
    assert service.graph.adapters.renderer.pids == []


async def test_a_link_opens_no_variant_of_another_image(service: Service) -> None:
    url = (await link(service)).with_path(PATH + "2.webp", keep_query=True).update_query(w="160")
    await problem_of(await service.http.get(url), status=401, code="unauthorized")


async def test_an_expired_link_opens_no_variant_that_is_kept(service: Service) -> None:
    url = (await link(service)).with_path(PATH + ".webp", keep_query=True).update_query(w="320")
    assert (await service.http.get(url)).status == 200
    service.clock.advance(600)
    await problem_of(await service.http.get(url), status=401, code="unauthorized")

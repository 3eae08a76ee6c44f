"""POST /api/generate with addresses on our own domain: only those of images that are here, and may be read."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devkit.fal import Behaviour, FalStandIn
from tests.support import pictures
from tests.support.beside_fal import MODEL, reachable
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.sources import data_uri

SIGNED = {"IMAGE_ACCESS": "signed"}


@pytest.fixture
async def service(tmp_path: Path, fal: FalStandIn) -> AsyncIterator[Service]:
    async with reachable(tmp_path, fal) as running:
        yield running


async def forward(service: Service, url: str, *, user: str = "ana") -> Any:
    return await service.post("/api/generate", {"user_id": user, "model": MODEL, "imageUrl": url, "wait": 20})


async def made(service: Service) -> str:
    url: str = (await (await service.generate(provider="fal", model=MODEL)).json())["url"]
    return url


def base_of(url: str) -> str:
    return url.partition("/v1/")[0]


@pytest.mark.parametrize(
    "path",
    ["/api/images/x", "//v1/images/hosted/ana/a.png", "/v1/images/hosted/bob/../ana/a.png", "/livez", "/", "/?x=1"],
    ids=["no id", "two slashes", "dots", "no image", "root", "query"],
)
async def test_an_address_of_ours_that_is_no_images_is_refused(service: Service, fal: FalStandIn, path: str) -> None:
    own = base_of(await made(service))
    problem = await problem_of(await forward(service, own + path), status=422, code="source_not_allowed")

    assert problem["field"] == "imageUrl"
    assert len(fal.requests) == 1


@pytest.mark.parametrize(
    "path",
    ["/v1/images/hosted/ana/never.png", "/api/images/7a1f9c52-0f5c-4b0e-9d0a-3f1f4c8f9a11.png"],
    ids=["hosted", "temporary"],
)
async def test_an_image_that_never_was_is_gone(service: Service, fal: FalStandIn, path: str) -> None:
    own = base_of(await made(service))
    problem = await problem_of(await forward(service, own + path), status=502, code="source_gone")

    assert problem["field"] == "imageUrl"
    assert len(fal.requests) == 1


async def test_a_deleted_image_is_gone(service: Service, fal: FalStandIn) -> None:
    url = await made(service)
    assert (await service.http.delete(url.rpartition(".")[0])).status == 204
    await problem_of(await forward(service, url), status=502, code="source_gone")
    assert len(fal.requests) == 1


async def test_a_temporary_image_is_passed_on_without_what_was_appended(service: Service, fal: FalStandIn) -> None:
    body = {"user_id": "ana", "data_url": data_uri(pictures.png())}
    held = await (await service.post("/api/images", body)).json()
    await forward(service, held["url"] + "?sig=x&exp=1#y")
    assert fal.requests[-1].input == {"image_url": held["url"]}


async def test_a_width_stays_and_a_fragment_goes(service: Service, fal: FalStandIn) -> None:
    url = await made(service)
    await forward(service, url + "?w=320&expires=1&signature=x#top")
    assert fal.requests[-1].input == {"image_url": url + "?w=320"}


@pytest.mark.parametrize("appended", ["#top", "?expires=1&signature=x", "?sig=x"], ids=["fragment", "forged", "other"])
async def test_a_users_own_image_is_signed_whatever_was_appended(
    tmp_path: Path, fal: FalStandIn, appended: str
) -> None:
    fal.behaviours[MODEL] = Behaviour(fetches=True)
    async with reachable(tmp_path, fal, **SIGNED) as service:
        url = await made(service)
        state = await (await forward(service, url.partition("?")[0] + appended)).json()
    assert state["status"] == "succeeded"


async def test_an_image_named_in_the_input_is_signed_too(tmp_path: Path, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(fetches=True)
    async with reachable(tmp_path, fal, **SIGNED) as service:
        url = (await made(service)).partition("?")[0]
        body = {"user_id": "ana", "model": MODEL, "input": {"image_url": url}, "wait": 20}
        state = await (await service.post("/api/generate", body)).json()

    assert state["status"] == "succeeded"
    assert "signature=" in fal.requests[-1].input["image_url"]


@pytest.mark.parametrize("appended", ["", "?expires=9999999999&signature=x"], ids=["unsigned", "forged"])
async def test_somebody_elses_image_is_refused_where_links_are_signed(
    tmp_path: Path, fal: FalStandIn, appended: str
) -> None:
    async with reachable(tmp_path, fal, **SIGNED) as service:
        url = (await made(service)).partition("?")[0]
        await problem_of(await forward(service, url + appended, user="bob"), status=422, code="source_not_allowed")
    assert len(fal.requests) == 1


async def test_a_link_that_we_signed_is_passed_on_for_anybody(tmp_path: Path, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(fetches=True)
    async with reachable(tmp_path, fal, **SIGNED) as service:
        url = (await made(service)).partition("?")[0]
        signed = await (await service.post(url.rpartition(".")[0] + "/signed-url", {})).json()
        state = await (await forward(service, signed["url"], user="bob")).json()
    assert state["status"] == "succeeded"

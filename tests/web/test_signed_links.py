"""Signed access: a link opens one image until it expires; so do the owner's token and a service key."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from yarl import URL

from app.domain.ids import UserId
from devkit.clock import FakeClock
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.still import PICTURE, host, still

KEY = "a-service-key-of-some-length"
AUTH = {"Authorization": f"Bearer {KEY}"}
PATH = "/v1/images/hosted/ana/pic"
SETTINGS = {"IMAGE_ACCESS": "signed", "API_KEYS": KEY, "SIGNING_KEYS": "first-signing-key,second-signing-key"}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, clock=FakeClock(), **SETTINGS) as running:
        await host(running)
        await host(running, "pic2")
        yield running


async def link(service: Service, path: str = PATH, **body: int) -> URL:
    response = await service.post(path + "/signed-url", body, headers=AUTH)
    assert response.status == 200
    return URL((await response.json())["url"])


async def test_an_unsigned_link_is_401(service: Service) -> None:
    await problem_of(await service.http.get(PATH), status=401, code="unauthorized")


async def test_a_signed_link_opens_the_image_as_long_as_it_lives(service: Service) -> None:
    url = await link(service, expires_in=600)
    response = await service.http.get(url)
    assert (response.status, await response.read()) == (200, PICTURE)
    assert response.headers["Cache-Control"] == "private, max-age=600"
    service.clock.advance(200)
    assert (await service.http.get(url)).headers["Cache-Control"] == "private, max-age=400"


async def test_a_link_says_when_it_expires(service: Service) -> None:
    document = await (await service.post(PATH + "/signed-url", {"expires_in": 90}, headers=AUTH)).json()
    assert document.keys() == {"url", "expires_at"}
    assert document["expires_at"] == "2026-01-01T12:01:30Z"
    assert URL(document["url"]).path == PATH + ".png"


async def test_an_expired_link_is_401(service: Service) -> None:
    url = await link(service, expires_in=600)
    service.clock.advance(600)
    await problem_of(await service.http.get(url), status=401, code="unauthorized")


async def test_a_link_works_with_and_without_the_extension_and_for_head_and_ranges(service: Service) -> None:
    url = await link(service)
    assert (await service.http.get(url.with_path(PATH).with_query(url.query))).status == 200
    assert (await service.http.head(url)).status == 200
    assert (await service.http.get(url, headers={"Range": "bytes=0-9"})).status == 206
    assert (await service.http.get(url.update_query(download="1"))).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "99999999999"},
        {"expires": ""},
        {"expires": "-1"},
        {"expires": "1e9"},
        {"expires": "\u0661"},
        {"expires": "9" * 5000},
        {"signature": "0" * 64},
        {"signature": ""},
        {"signature": "\u00e4"},
        {"signature": "\x00"},
    ],
)
async def test_a_tampered_link_is_401(service: Service, change: dict[str, str]) -> None:
    url = await link(service)
    await problem_of(await service.http.get(url.update_query(change)), status=401, code="unauthorized")


@pytest.mark.parametrize("name", ["expires", "signature"])
async def test_half_a_link_and_a_doubled_one_are_401(service: Service, name: str) -> None:
    url = await link(service)
    half = url.without_query_params(name)
    doubled = url.extend_query({name: url.query[name]})
    for each in (half, doubled):
        await problem_of(await service.http.get(each), status=401, code="unauthorized")


@pytest.mark.parametrize("other", ["/v1/images/hosted/ana/pic2", "/v1/images/hosted/bob/pic"])
async def test_a_link_opens_no_other_image(service: Service, other: str) -> None:
    await host(service, user="bob")
    url = await link(service)
    await problem_of(
        await service.http.get(url.with_path(other).with_query(url.query)), status=401, code="unauthorized"
    )


async def test_a_link_opens_nothing_but_the_bytes(service: Service) -> None:
    query = (await link(service)).query
    for path in (PATH + "/info", "/v1/users/ana/images"):
        assert (await service.http.get(path, params=query)).status == 401
    assert (await service.http.delete(PATH, params=query)).status == 401


async def test_the_owner_and_a_service_key_need_no_link(service: Service) -> None:
    token, _ = service.graph.tokens.issue(UserId("ana"), expires_in=timedelta(hours=1))
    for headers in (AUTH, {"Authorization": f"Bearer {token}"}, {"X-API-Key": KEY}):
        response = await service.http.get(PATH, headers=headers)
        assert response.status == 200
        assert response.headers["Cache-Control"] == "private, no-store"


async def test_another_owner_finds_nothing(service: Service) -> None:
    token, _ = service.graph.tokens.issue(UserId("bob"), expires_in=timedelta(hours=1))
    response = await service.http.get(PATH, headers={"Authorization": f"Bearer {token}"})
    await problem_of(response, status=404, code="not_found")


async def test_what_is_said_behind_a_link_is_kept_nowhere(service: Service) -> None:
    url = await link(service)
    await service.http.delete(PATH, headers=AUTH)
    response = await service.http.get(url)
    await problem_of(response, status=410, code="image_deleted")
    assert response.headers["Cache-Control"] == "private, no-store"


async def test_what_is_not_there_cannot_be_signed(service: Service) -> None:
    response = await service.post("/v1/images/hosted/ana/none/signed-url", {}, headers=AUTH)
    await problem_of(response, status=404, code="not_found")


async def test_links_and_tokens_outlive_a_rotation_until_their_key_goes(tmp_path: Path) -> None:
    clock = FakeClock()
    async with still(tmp_path, clock=clock, **SETTINGS) as service:
        await host(service)
        url = await link(service)
        token = {"Authorization": f"Bearer {service.graph.tokens.issue(UserId('ana'), expires_in=timedelta(1))[0]}"}
    for keys, status in (("new-signing-key,first-signing-key", 200), ("new-signing-key", 401)):
        async with still(tmp_path, clock=clock, **SETTINGS | {"SIGNING_KEYS": keys}) as service:
            assert (await service.http.get(url.relative())).status == status
            assert (await service.http.get(PATH + "/info", headers=token)).status == status


async def test_without_signing_keys_links_still_outlive_a_restart(tmp_path: Path) -> None:
    settings = SETTINGS | {"SIGNING_KEYS": ""}
    async with still(tmp_path, **settings) as service:
        await host(service)
        url = await link(service)
    async with still(tmp_path, **settings) as service:
        assert (await service.http.get(url.relative())).status == 200

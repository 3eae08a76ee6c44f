"""Without keys the service is for this machine; with several, each of them opens it."""

from pathlib import Path

import pytest

from tests.support.problems import assert_problem, problem_of
from tests.support.raw import exchange, request
from tests.support.still import host, still

KEYS = ("a-first-key-of-some-length", "a-second-key-of-some-length")


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:1", "app.localhost", "127.9.9.9", "[::1]:8080"]
)
async def test_without_keys_whoever_asks_for_this_machine_is_served(tmp_path: Path, name: str) -> None:
    async with still(tmp_path) as service:
        assert (await exchange(service, request("GET", "/v1/users/ana/images", host=name))).status == 200


@pytest.mark.parametrize(
    "name",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]"],
)
async def test_without_keys_a_page_that_resolves_to_us_is_refused(tmp_path: Path, name: str) -> None:
    async with still(tmp_path) as service:
        reply = await exchange(service, request("GET", "/v1/users/ana/images", host=name))
    assert_problem(421, reply.headers, reply.json(), code="misdirected_request")


async def test_without_keys_a_foreign_absolute_target_is_refused(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        reply = await exchange(service, request("GET", "http://evil.example/livez"))
    assert reply.status == 421


async def test_without_keys_the_public_name_is_ours(tmp_path: Path) -> None:
    async with still(tmp_path, PUBLIC_BASE_URL="https://images.example.com") as service:
        ours = await exchange(service, request("GET", "/livez", host="images.example.com"))
        foreign = await exchange(service, request("GET", "/livez", host="example.com"))
    assert (ours.status, foreign.status) == (200, 421)


async def test_with_keys_any_host_name_will_do(tmp_path: Path) -> None:
    async with still(tmp_path, API_KEYS=KEYS[0]) as service:
        assert (await exchange(service, request("GET", "/livez", host="whatever.example"))).status == 200


@pytest.mark.parametrize("key", KEYS, ids=["first", "second"])
@pytest.mark.parametrize("field", ["Authorization: Bearer {}", "authorization: bEARER   {}", "X-API-Key: {}"])
async def test_every_key_opens_in_either_header(tmp_path: Path, key: str, field: str) -> None:
    async with still(tmp_path, API_KEYS=",".join(KEYS)) as service:
        reply = await exchange(service, request("GET", "/v1/users/ana/images", field.format(key)))
    assert reply.status == 200


@pytest.mark.parametrize(
    "field",
    [
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: Basic YTpi",
        "Authorization: a-first-key-of-some-length",
        "Authorization: Bearer a-first-key-of-some-length,a-second-key-of-some-length",
        "Authorization: Bearer A-FIRST-KEY-OF-SOME-LENGTH",
        "Authorization: Bearer a-first-key-of-some-lengthx",
        "Authorization: Bearer \u00e9",
        "Authorization: Bearer a.b.c",
        "Authorization: Bearer " + "W1tb" * 1500 + ".e30.AA",
        "Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEiLCJleHAiOjk5OTk5OTk5OTl9.",
        "X-API-Key:",
        "X-API-Key: \u00e9",
        "X-API-Key: wrong",
    ],
)
async def test_what_is_no_key_is_401(tmp_path: Path, field: str) -> None:
    async with still(tmp_path, API_KEYS=",".join(KEYS)) as service:
        reply = await exchange(service, request("GET", "/v1/users/ana/images", field))
    assert_problem(401, reply.headers, reply.json(), code="unauthorized")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_key_in_the_query_opens_nothing(tmp_path: Path) -> None:
    async with still(tmp_path, API_KEYS=KEYS[0]) as service:
        response = await service.http.get("/v1/users/ana/images", params={"api_key": KEYS[0], "token": KEYS[0]})
        await problem_of(response, status=401, code="unauthorized")


async def test_guessing_keys_is_limited_like_everything_else(tmp_path: Path) -> None:
    async with still(tmp_path, API_KEYS=KEYS[0], RATE_LIMIT_READS="5/minute") as service:
        headers = {"Authorization": "Bearer guess"}
        statuses = [(await service.http.get("/v1/users/ana/usage", headers=headers)).status for _ in range(8)]
    assert statuses == [401] * 5 + [429] * 3


async def test_in_signed_mode_an_unsigned_link_opens_nothing_even_without_keys(tmp_path: Path) -> None:
    async with still(tmp_path, IMAGE_ACCESS="signed") as service:
        await host(service)
        await problem_of(await service.http.get("/v1/images/hosted/ana/pic"), status=401, code="unauthorized")

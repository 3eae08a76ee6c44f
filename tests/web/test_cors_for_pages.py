"""Pages on other origins may show and read images, and nothing else of ours."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.service import Service
from tests.support.still import host, promise, still

URL = "/v1/images/hosted/ana/pic"
ORIGIN = {"Origin": "https://app.example"}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path) as running:
        await host(running)
        await promise(running, "later")
        await host(running, "gone")
        await running.http.delete("/v1/images/hosted/ana/gone")
        yield running


@pytest.mark.parametrize("headers", [{}, ORIGIN], ids=["no origin", "an origin"])
async def test_an_image_may_be_read_from_anywhere(service: Service, headers: dict[str, str]) -> None:
    found = (await service.http.get(URL, headers=headers)).headers
    assert found["Access-Control-Allow-Origin"] == "*"
    assert found["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "Access-Control-Allow-Credentials" not in found
    exposed = found["Access-Control-Expose-Headers"]
    assert all(name in exposed for name in ("ETag", "Content-Range", "Repr-Digest", "Retry-After"))


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        (URL, {"Range": "bytes=0-5"}, 206),
        (URL, {"Range": "bytes=99999-"}, 416),
        (URL, {"If-None-Match": "*"}, 304),
        (URL, {"If-Match": '"x"'}, 412),
        ("/v1/images/hosted/ana/none", {}, 404),
        ("/v1/images/hosted/ana/gone", {}, 410),
        ("/v1/images/hosted/ana/later", {}, 503),
    ],
)
async def test_so_may_everything_that_is_said_in_its_place(
    service: Service, path: str, fields: dict[str, str], status: int
) -> None:
    response = await service.http.get(path, headers=ORIGIN | fields)
    assert response.status == status
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize("path", [URL, URL + ".png", "/v1/images/hosted/ana/none"])
async def test_a_preflight_is_answered(service: Service, path: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range, if-none-match"}
    response = await service.http.options(path, headers=ORIGIN | asked)
    assert (response.status, await response.read()) == (204, b"")
    allowed = {name.strip().lower() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"range", "if-none-match", "if-range"} <= allowed
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "GET" in response.headers["Access-Control-Allow-Methods"]
    assert int(response.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("path", ["/v1/users/ana", "/v1/images/import", URL + "/info", "/v1/tokens"])
async def test_nothing_else_can_be_asked_for_from_another_origin(service: Service, path: str) -> None:
    response = await service.http.options(path, headers=ORIGIN | {"Access-Control-Request-Method": "DELETE"})
    assert response.status == 405
    assert "Access-Control-Allow-Methods" not in response.headers


async def test_what_is_private_is_not_shared(service: Service) -> None:
    for path in ("/v1/users/ana/images", URL + "/info", "/v1/users/ana/usage"):
        assert "Access-Control-Allow-Origin" not in (await service.http.get(path, headers=ORIGIN)).headers

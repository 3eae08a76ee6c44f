"""What every response carries, made from the route table; and what none gives away."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.web.auth import Route
from app.web.routes import ROUTES
from devkit.replicate import ReplicateStandIn
from tests.support.raw import exchange, request
from tests.support.service import Service
from tests.support.still import NAMES, host, still

pytestmark = pytest.mark.asyncio(loop_scope="module")

each_route = pytest.mark.parametrize("row", ROUTES, ids=lambda row: f"{row.method} {row.path}")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with ReplicateStandIn() as replicate, still(tmp_path_factory.mktemp("headers"), replicate) as running:
        yield running


def asked(row: Route) -> tuple[str, str]:
    return row.method, row.path.format(**NAMES)


@each_route
async def test_every_answer_says_how_it_may_be_cached_and_is_not_sniffed(service: Service, row: Route) -> None:
    for body in ({}, {"user_id": "ana"}):
        headers = (await service.http.request(*asked(row), json=body)).headers
        assert headers.getall("Cache-Control")
        assert headers["X-Content-Type-Options"] == "nosniff"


@each_route
async def test_no_answer_tells_what_we_are_made_of(service: Service, row: Route) -> None:
    response = await service.http.request(*asked(row))
    assert response.headers.getall("Server") == ["holdfast"]
    told = str(response.headers) + (await response.read()).decode(errors="replace")
    assert not re.search(r"aiohttp|python|traceback|sqlite|/tmp/", told, re.IGNORECASE) or row.path == "/metrics"
    assert "Set-Cookie" not in response.headers


@each_route
async def test_every_answer_has_a_request_id_of_its_own(service: Service, row: Route) -> None:
    first, second = [(await service.http.request(*asked(row))).headers["X-Request-Id"] for _ in range(2)]
    assert re.fullmatch(r"[0-9a-f]{32}", first)
    assert first != second


@pytest.mark.parametrize(
    ("given", "is_kept"), [("abc-DEF_123", True), ("a" * 64, True), ("a" * 65, False), ('x"y', False), ("", False)]
)
async def test_the_edges_request_id_is_kept_if_it_is_one(service: Service, given: str, *, is_kept: bool) -> None:
    reply = await exchange(service, request("GET", "/livez", f"X-Railway-Request-Id: {given}"))
    assert (reply.headers["X-Request-Id"] == given) is is_kept


async def test_private_answers_are_kept_nowhere(service: Service) -> None:
    for path in ("/v1/users/ana/images", "/v1/users/ana/usage", "/v1/capabilities", "/openapi.json"):
        assert "no-store" in (await service.http.get(path)).headers["Cache-Control"]


async def test_nothing_of_ours_can_run_or_be_framed(service: Service) -> None:
    await host(service, "framed")
    for path in ("/v1/images/hosted/ana/framed", "/v1/users/ana/images", "/nowhere", "/livez", "/metrics"):
        headers = (await service.http.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert all(part in policy for part in ("default-src 'none'", "sandbox", "frame-ancestors 'none'"))
        assert headers["Referrer-Policy"] == "no-referrer"


async def test_browsers_are_told_to_come_by_https_where_that_is_how_we_are_reached(tmp_path: Path) -> None:
    async with still(tmp_path, PUBLIC_BASE_URL="https://images.example.com") as public:
        assert "max-age=" in (await public.http.get("/livez")).headers["Strict-Transport-Security"]


async def test_on_loopback_nobody_is_told_so(service: Service) -> None:
    assert "Strict-Transport-Security" not in (await service.http.get("/livez")).headers


@each_route
async def test_head_is_get_without_the_body(service: Service, row: Route) -> None:
    if row.method != "GET" or row.path == "/metrics":
        return
    path = asked(row)[1]
    body, head = await service.http.get(path), await service.http.head(path)
    assert (head.status, await head.read()) == (body.status, b"")
    assert head.headers["Cache-Control"] == body.headers["Cache-Control"]
    assert head.headers.get("Content-Length") == body.headers.get("Content-Length")

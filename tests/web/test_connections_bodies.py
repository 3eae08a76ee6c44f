"""What a body that does not come can hold: a handler for the time a body has, and a refusal for a moment."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.web.auth import Route
from app.web.routes import ROUTES
from devkit.replicate import ReplicateStandIn
from tests.support.problems import assert_problem
from tests.support.raw import Line, connected, request
from tests.support.service import Service
from tests.support.still import NAMES, host, still

JSON = "Content-Type: application/json"
KEY = "Authorization: Bearer a-service-key"
READ_A_BODY = [row for row in ROUTES if row.method == "POST" or (row.method, row.path) == ("DELETE", "/api/images")]
WITHOUT = [row for row in ROUTES if row not in READ_A_BODY]
UPLOAD = "/api/uploads/image"


@pytest.fixture
async def service(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    settings = {"REQUEST_BODY_SECONDS": "0.3", "REQUEST_MAX_MB": "1", "API_KEYS": "a-service-key"}
    async with still(tmp_path, replicate, **settings) as running:
        await host(running)
        yield running


def path_of(template: str) -> str:
    return template.format(**NAMES)


async def drip(line: Line) -> None:
    with suppress(ConnectionError):
        while True:
            await line.say(b" ")
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("row", READ_A_BODY, ids=lambda row: f"{row.method} {row.path}")
async def test_a_dripping_body_is_408_and_the_end_of_its_connection(service: Service, row: Route) -> None:
    async with connected(service) as line:
        kind = "Content-Type: image/png" if row.path == UPLOAD else JSON
        await line.say(request(row.method, path_of(row.path), kind, KEY, "Content-Length: 100000"))
        dripping = asyncio.create_task(drip(line))
        reply = await line.hear()
        assert_problem(408, reply.headers, reply.json(), code="request_timeout")
        assert reply.headers["Connection"] == "close"
        dripping.cancel()


@pytest.mark.parametrize("row", WITHOUT, ids=lambda row: f"{row.method} {row.path}")
async def test_a_body_nobody_wants_is_not_waited_for(service: Service, row: Route) -> None:
    async with connected(service) as line:
        await line.say(request(row.method, path_of(row.path), KEY, "Content-Length: 100000"))
        version, status, _ = await line._head()
        assert (version, status == 408) == ("HTTP/1.1", False)


REFUSED = {
    "too large": (("Content-Length: 999999999", JSON, KEY), 413),
    "encoded": (("Content-Length: 100000", "Content-Encoding: gzip", JSON, KEY), 415),
    "no JSON": (("Content-Length: 100000", "Content-Type: text/plain", KEY), 415),
    "without a key": (("Content-Length: 100000", JSON), 401),
}


async def refused(service: Service, fields: tuple[str, ...]) -> int:
    """Return how a body that goes on dripping is refused, once the connection has ended."""
    async with connected(service) as line:
        await line.say(request("POST", "/v1/tokens", *fields))
        dripping = asyncio.create_task(drip(line))
        status = (await line.hear()).status
        assert await asyncio.wait_for(line.is_closed(), 4)
        dripping.cancel()
        return status


async def test_a_refused_body_is_read_for_a_moment_only(service: Service) -> None:
    found = await asyncio.gather(*(refused(service, fields) for fields, _ in REFUSED.values()))
    assert dict(zip(REFUSED, found, strict=True)) == {name: status for name, (_, status) in REFUSED.items()}


async def test_the_rest_of_a_refused_body_is_no_request(service: Service) -> None:
    async with connected(service) as line:
        smuggled = request("GET", "/livez")
        head = request("POST", "/v1/tokens", f"Content-Length: {len(smuggled)}", "Content-Type: text/plain", KEY)
        await line.say(head)
        assert (await line.hear()).status == 415
        await line.say(smuggled + request("GET", "/nowhere"))
        assert (await line.hear()).status == 404


async def test_a_body_in_time_is_read_however_it_is_cut(service: Service) -> None:
    body = json.dumps({"user_id": "ana"}).encode()
    async with connected(service) as line:
        for cut in range(1, len(body)):
            await line.say(request("POST", "/v1/tokens", JSON, KEY, f"Content-Length: {len(body)}") + body[:cut])
            await asyncio.sleep(0)
            await line.say(body[cut:])
            assert (await line.hear()).status == 201

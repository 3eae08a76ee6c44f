"""Tricks with paths, ids, cursors and limits: refused, or harmless, and never a 500."""

import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.problems import assert_problem
from tests.support.raw import exchange, request
from tests.support.service import Service
from tests.support.still import host, still

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEGMENTS = [
    *(".", "..", "...", ".ana", "%2e", "%2e%2e", "%2E%2E", "..%2f..", "%2f", "%2F", "%5c", "a%2fb", "a%5cb"),
    *("%00", "a%00b", "%ff", "%c0%ae", "%e0%80%ae", "%25", "%252e", "%0d%0a", "%20", "%C3%A4", "a;b", "a,b", "a:b"),
    *("a|b", "a'b", "a*", "%", "%2", "%zz", "pic%2epng%2f..", "x" * 129, "x" * 7000, "%41" * 129),
]
LISTS = {
    "limit": ["0", "-1", "201", "1.5", "x", "", "1e2", "+1", "%201", "0x10", "\u0661", "9" * 4000, "50%00"],
    "cursor": [
        *("x", "%00", "%ff", "=", "====", "!!!!", "A" * 4000, "AAAA", "\u00e4"),
        *(base64.urlsafe_b64encode(text).decode().rstrip("=") for text in (b"1", b"1:", b":pic", b"1:a/b", b"x:pic")),
        *(base64.urlsafe_b64encode(b"%d:pic" % moment).decode().rstrip("=") for moment in (10**30, -(10**30))),
        *(base64.urlsafe_b64encode(text).decode().rstrip("=") for text in (b"9" * 5000 + b":a", "1:ä".encode())),
    ],
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with still(tmp_path_factory.mktemp("paths")) as running:
        await host(running)
        yield running


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda text: text[:16])
@pytest.mark.parametrize(
    "template",
    [
        "/v1/images/hosted/{}/pic",
        "/v1/images/hosted/ana/{}",
        "/v1/images/hosted/ana/{}/info",
        "/v1/images/hosted/ana/pic.{}",
        "/v1/generations/{}",
        "/v1/users/{}/images",
        "/v1/{}/livez",
        "/{}",
    ],
)
async def test_odd_segments_name_nothing(service: Service, template: str, segment: str) -> None:
    reply = await exchange(service, request("GET", template.format(segment)))
    assert reply.status in {400, 404}
    assert_problem(reply.status, reply.headers, reply.json())


@pytest.mark.parametrize("method", ["DELETE", "POST"])
@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda text: text[:16])
async def test_odd_segments_change_nothing(service: Service, method: str, segment: str) -> None:
    path = f"/v1/images/hosted/ana/{segment}" + ("/signed-url" if method == "POST" else "")
    body = b"{}" if method == "POST" else b""
    reply = await exchange(service, request(method, path, "Content-Type: application/json", body=body))
    assert reply.status in {400, 404}
    assert (await exchange(service, request("GET", "/v1/images/hosted/ana/pic"))).status == 200


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in LISTS.items() for value in values])
async def test_odd_pages_are_refused_and_the_parameter_is_named(service: Service, name: str, value: str) -> None:
    response = await service.http.get(f"/v1/users/ana/images?{name}={value}")
    document = await response.json(content_type=None)
    assert response.status == 422, document
    assert_problem(422, response.headers, document, code="invalid_request")
    assert document["field"] == name


@pytest.mark.parametrize(
    "query", ["limit=1", "limit=200", "cursor=", "limit=5&limit=x", "unknown=1", "&&=&", "limit=007"]
)
async def test_these_queries_are_fine(service: Service, query: str) -> None:
    assert (await exchange(service, request("GET", f"/v1/users/ana/images?{query}"))).status == 200


@pytest.mark.parametrize("path", ["/v1/images/hosted/ana/pi%63", "/v1/images/hosted/%61na/pic%2Epng"])
async def test_needless_encoding_is_the_same_name(service: Service, path: str) -> None:
    assert (await exchange(service, request("GET", path))).status == 200


@pytest.mark.parametrize("user", ["_a.b", "a@b.c", "x+y=z~", "001234.abc.0987", "-a", "~", "=a", "A" * 128])
async def test_owners_of_every_shape_are_served(service: Service, user: str) -> None:
    await host(service, user=user)
    listed = await (await service.http.get(f"/v1/users/{user}/images")).json()
    assert [image["user_id"] for image in listed["images"]] == [user]
    assert (await service.http.get(listed["images"][0]["url"])).status == 200

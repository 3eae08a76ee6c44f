"""Every route for every kind of caller, made from the route table and its "open to" column."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientResponse

from app.domain.ids import UserId
from app.web.auth import Route, user
from app.web.routes import ROUTES
from devkit.fal import FalStandIn
from devkit.ollama import OllamaStandIn
from devkit.replicate import ReplicateStandIn
from tests.support.events import heard
from tests.support.pictures import png
from tests.support.problems import assert_problem
from tests.support.service import Service
from tests.support.sources import data_uri
from tests.support.still import NAMES, host, still

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "a-service-key-of-some-length"
CALLERS = ("nobody", "wrong key", "service", "owner", "other", "expired")
_OK = "ok"
OPEN_TO: Mapping[str, Mapping[str, int | str]] = {
    "anyone": dict.fromkeys(CALLERS, _OK),
    "link": dict.fromkeys(CALLERS, _OK),
    "picture": dict.fromkeys(CALLERS, _OK),
    "monitor": dict.fromkeys(CALLERS, _OK),
    "user": {"nobody": 401, "wrong key": 401, "service": _OK, "owner": _OK, "other": 404, "expired": 401},
    "service": {"nobody": 401, "wrong key": 401, "service": _OK, "owner": 404, "other": 404, "expired": 401},
    "provider": dict.fromkeys(CALLERS, 401),
}
# Deleting what is another's is deleting what is not there: fine, and nothing happens.
SILENT = {("DELETE", "/api/images"), ("DELETE", "/api/images/{id}")}
BODIES: Mapping[str, Mapping[str, Any]] = {
    "/v1/images/generate": {"model": "acme/painter", "input": {}, "wait": 0},
    "/v1/images/import": {"url": "data:image/png;base64,iVBORw0KGgo=", "wait": 0},
    "/v1/images/hosted/{user}/{image}/signed-url": {},
    "/v1/tokens": {},
    "/v1/webhooks/replicate": {},
    "/v1/webhooks/fal": {},
    "/api/generate": {"model": "acme/painter", "wait": 0},
    "/api/images": {"data_url": data_uri(png(4, 4))},
    "/api/stream-message": {"message": "Hello"},
}
NAME_AN_OWNER = (
    *("/v1/images/generate", "/v1/images/import", "/v1/tokens"),
    *("/api/generate", "/api/images", "/api/stream-message"),
)
_numbers = count()


@dataclass(frozen=True)
class Setting:
    service: Service
    owner: str
    generation: str
    temporary: str = NAMES["id"]
    session: str = NAMES["session"]
    stream: str = NAMES["stream"]

    def headers(self, caller: str) -> dict[str, str]:
        def token(of: str, seconds: int = 600) -> str:
            return self.service.graph.tokens.issue(UserId(of), expires_in=timedelta(seconds=seconds))[0]

        credential = {
            "nobody": None,
            "wrong key": "not-a-service-key-of-ours",
            "service": KEY,
            "owner": token(self.owner),
            "other": token("somebody-else"),
            "expired": token(self.owner, -1),
        }[caller]
        return {} if credential is None else {"Authorization": f"Bearer {credential}"}

    async def ask(self, row: Route, caller: str) -> ClientResponse:
        names = {"generation": self.generation, "id": self.temporary, "session": self.session, "stream": self.stream}
        path = row.path.format(**NAMES | {"user": self.owner} | names)
        http, headers, owned = self.service.http, self.headers(caller), {"user_id": self.owner}
        if row.path == "/api/uploads/image":
            headers["Content-Type"] = "image/png"
            return await http.post(path, params=owned, data=png(4, 4), headers=headers)
        if row.path in {"/api/user-assets", "/api/sessions"}:
            return await http.get(path, params=owned, headers=headers)
        body = BODIES.get(row.path) if row.method != "DELETE" else {"ids": [self.temporary]}
        if body is not None and row.path in NAME_AN_OWNER and row.method == "POST":
            body = {**owned, **body}
        return await http.request(row.method, path, json=body, headers=headers)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("access")
    async with (
        ReplicateStandIn() as replicate,
        FalStandIn() as fal,
        OllamaStandIn() as ollama,
        still(folder, replicate, API_KEYS=f"{KEY},{KEY}-2", **fal.settings, **ollama.settings) as running,
    ):
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def setting(service: Service) -> Setting:
    owner = f"owner-{next(_numbers)}"
    await host(service, user=owner)
    headers = {"Authorization": f"Bearer {KEY}"}
    body = {"user_id": owner, "model": "acme/painter", "input": {}, "wait": 0}
    made = await service.http.post("/v1/images/generate", json=body, headers=headers)
    body = {"user_id": owner, **BODIES["/api/images"]}
    hosted = await service.http.post("/api/images", json=body, headers=headers)
    body = {"user_id": owner, "message": "Hello"}
    said = await heard(await service.http.post("/api/stream-message", json=body, headers=headers))
    ids = said[0].data["session_id"], said[0].data["stream_id"]
    return Setting(service, owner, (await made.json())["generation_id"], (await hosted.json())["id"], *ids)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("row", ROUTES, ids=lambda row: f"{row.method} {row.path}")
async def test_a_route_is_open_to_whom_its_row_says(setting: Setting, row: Route, caller: str) -> None:
    expected = OPEN_TO[row.open_to.__name__][caller]
    response = await setting.ask(row, caller)
    if expected == _OK or (caller == "other" and (row.method, row.path) in SILENT):
        assert 200 <= response.status < 300, await response.text()
        return
    assert response.status == expected
    document = await response.json(content_type=None)
    assert_problem(response.status, response.headers, document)
    assert ("WWW-Authenticate" in response.headers) == (expected == 401)


@pytest.mark.parametrize(
    "row",
    [row for row in ROUTES if row.open_to is user and "{" in row.path and (row.method, row.path) not in SILENT],
    ids=lambda row: f"{row.method} {row.path}",
)
async def test_what_is_anothers_looks_like_what_is_not_there(setting: Setting, row: Route) -> None:
    anothers = await setting.ask(row, "other")
    nowhere = Setting(setting.service, "nobody-we-know", "gen_" + "0" * 26)
    missing = await nowhere.ask(row, "other")
    assert anothers.status == missing.status == 404
    assert await anothers.json(content_type=None) == await missing.json(content_type=None)
    assert anothers.headers["Cache-Control"] == missing.headers["Cache-Control"]


async def test_the_words_for_anothers_are_those_for_ones_own_that_is_missing(setting: Setting) -> None:
    mine = await setting.service.http.get(
        f"/v1/images/hosted/{setting.owner}/missing/info", headers=setting.headers("owner")
    )
    anothers = await setting.service.http.get(
        f"/v1/images/hosted/{setting.owner}/pic/info", headers=setting.headers("other")
    )
    assert await mine.json(content_type=None) == await anothers.json(content_type=None)


@pytest.mark.parametrize("path", ["/v1/images/generate", "/v1/images/import"])
async def test_a_token_names_its_owner_where_the_body_does_not(setting: Setting, path: str) -> None:
    response = await setting.service.http.post(path, json=BODIES[path], headers=setting.headers("owner"))
    assert response.status == 202
    assert (await response.json())["user_id"] == setting.owner


@pytest.mark.parametrize("path", ["/v1/images/generate", "/v1/images/import"])
async def test_a_service_key_has_to_name_the_owner(setting: Setting, path: str) -> None:
    response = await setting.service.http.post(path, json=BODIES[path], headers=setting.headers("service"))
    assert response.status == 422
    assert (await response.json(content_type=None))["field"] == "user_id"


@pytest.mark.parametrize("row", [row for row in ROUTES if (row.method, row.path) in SILENT], ids=lambda row: row.path)
async def test_deleting_anothers_temporary_image_deletes_nothing(setting: Setting, row: Route) -> None:
    assert (await setting.ask(row, "other")).status == 204
    assert (await setting.service.http.get(f"/api/images/{setting.temporary}")).status == 200

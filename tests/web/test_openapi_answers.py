"""Every real answer is as `/openapi.json` describes it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from app.web.openapi import describe
from app.web.routes import ROUTES
from devkit.replicate import Behaviour, ReplicateStandIn
from tests.support.pictures import png
from tests.support.schemas import Checker
from tests.support.service import Service
from tests.support.sources import data_uri
from tests.support.still import host, still
from tests.support.uploading import upload

DOCUMENT = describe(ROUTES)
DATA = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path) as running:
        await host(running)
        yield running


async def assert_described(response: ClientResponse, method: str, path: str) -> Any:
    """Check an answer against what is said of *path*, and return its document."""
    operation = DOCUMENT["paths"][path][method.lower()]
    status = str(response.status)
    described = operation["responses"].get(status) or operation["responses"]["default"]
    if status not in operation["responses"]:
        assert response.status >= 400
    if "content" not in described:
        return None
    schema = described["content"][response.content_type]["schema"]
    document = await response.json(content_type=None)
    assert Checker(DOCUMENT).problems(document, schema) == []
    return document


async def test_generating(service: Service) -> None:
    path = "/v1/images/generate"
    await assert_described(await service.generate(), "post", path)
    promise = await assert_described(await service.generate(wait=0), "post", path)
    state = await service.http.get(f"/v1/generations/{promise['generation_id']}")
    await assert_described(state, "get", "/v1/generations/{generation}")
    canceled = await service.http.delete(f"/v1/generations/{promise['generation_id']}")
    await assert_described(canceled, "delete", "/v1/generations/{generation}")


async def test_generating_in_vain(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours["acme/painter"] = Behaviour(ending="failed", error="NSFW content detected")
    response = await service.generate()
    document = await assert_described(response, "post", "/v1/images/generate")
    assert (response.status, document["code"]) == (502, "generation_failed")
    state = await service.http.get(f"/v1/generations/{document['generation_id']}")
    await assert_described(state, "get", "/v1/generations/{generation}")


async def test_importing(service: Service) -> None:
    path = "/v1/images/import"
    source = (await (await service.generate()).json())["replicate_url"]
    first = await service.import_url(source, user="bob")
    again = await service.import_url(source, user="bob")
    refused = await service.import_url("http://10.0.0.1/x.png")
    assert (first.status, again.status, refused.status) == (201, 200, 422)
    for response in (first, again, refused):
        await assert_described(response, "post", path)


async def test_an_import_under_way(service: Service) -> None:
    response = await service.import_url(DATA, wait=0)
    assert response.status == 202
    await assert_described(response, "post", "/v1/images/import")


async def test_reading_about_images(quiet: Service) -> None:
    image = "/v1/images/hosted/{user}/{image}"
    await assert_described(await quiet.http.get("/v1/images/hosted/ana/pic/info"), "get", image + "/info")
    await assert_described(await quiet.http.get("/v1/images/hosted/ana/x/info"), "get", image + "/info")
    await assert_described(await quiet.http.get("/v1/users/ana/images"), "get", "/v1/users/{user}/images")
    await assert_described(await quiet.http.get("/v1/users/ana/usage"), "get", "/v1/users/{user}/usage")
    await assert_described(await quiet.http.options("/v1/images/hosted/ana/pic"), "options", image)


async def test_links_tokens_and_deletions(quiet: Service) -> None:
    link = await quiet.post("/v1/images/hosted/ana/pic/signed-url", {})
    await assert_described(link, "post", "/v1/images/hosted/{user}/{image}/signed-url")
    await assert_described(await quiet.post("/v1/tokens", {"user_id": "ana"}), "post", "/v1/tokens")
    gone = await quiet.http.delete("/v1/images/hosted/ana/pic")
    await assert_described(gone, "delete", "/v1/images/hosted/{user}/{image}")
    await assert_described(await quiet.http.delete("/v1/users/ana"), "delete", "/v1/users/{user}")


async def test_uploads_and_what_there_is_of_them(quiet: Service) -> None:
    await assert_described(await upload(quiet, png(8, 6)), "post", "/api/uploads/image")
    await assert_described(await upload(quiet, b"no picture"), "post", "/api/uploads/image")
    await assert_described(await quiet.http.get("/api/user-assets?user_id=ana"), "get", "/api/user-assets")


async def test_temporary_images(quiet: Service) -> None:
    body = {"user_id": "ana", "data_url": data_uri(png(8, 6))}
    image = await assert_described(await quiet.post("/api/images", body), "post", "/api/images")
    await assert_described(await quiet.post("/api/images", {}), "post", "/api/images")
    shown = await quiet.http.get(image["url"])
    assert "image/*" in DOCUMENT["paths"]["/api/images/{id}"]["get"]["responses"][str(shown.status)]["content"]
    await assert_described(await quiet.http.delete(image["url"]), "delete", "/api/images/{id}")
    await assert_described(await quiet.http.get(image["url"]), "get", "/api/images/{id}")
    answer = await quiet.http.delete("/api/images", json={"ids": [image["id"]]})
    await assert_described(answer, "delete", "/api/images")


@pytest.mark.parametrize("path", ["/v1/capabilities", "/livez", "/readyz", "/openapi.json"])
async def test_operations(service: Service, path: str) -> None:
    await assert_described(await service.http.get(path), "get", path)


async def test_the_checker_finds_what_is_wrong() -> None:
    image = {"$ref": "#/components/schemas/Image"}
    wrong = {"id": 1, "user_id": "ana", "url": "no url", "created_at": "yesterday", "sha256": "x", "status": "fine"}
    found = " ".join(Checker(DOCUMENT).problems(wrong, image))
    assert all(f".{name}:" in found for name in ("id", "url", "created_at", "sha256", "status"))
    assert "required" in found

"""Pictures of chats are their owners' alone, wherever they are asked for."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientResponse

from app.domain.ids import UserId
from tests.support.chat_images import PICTURE, host_for_chat
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.still import host, still

KEY = "a-service-key-of-some-length"
SERVICE = {"Authorization": f"Bearer {KEY}"}
OWN = "/api/images/img_chat"
HOSTED = "/v1/images/hosted/ana/img_chat"
PLACES = (OWN, HOSTED, f"{HOSTED}.png", f"{HOSTED}.webp", f"{HOSTED}?w=160", f"{OWN}.webp")
CLOSED: tuple[dict[str, str] | str, ...] = ({}, {"Authorization": "Bearer nobodys-key"}, "bob")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, API_KEYS=KEY) as running:
        await host_for_chat(running)
        yield running


def token(service: Service, user: str = "ana") -> dict[str, str]:
    issued, _ = service.graph.tokens.issue(UserId(user), expires_in=timedelta(hours=1))
    return {"Authorization": f"Bearer {issued}"}


async def look(service: Service, path: str, who: dict[str, str] | str, **more: str) -> ClientResponse:
    return await service.http.get(path, headers={**(token(service, who) if isinstance(who, str) else who), **more})


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("who", ["ana", SERVICE], ids=["owner", "service"])
async def test_the_owner_sees_it_and_nobody_may_keep_it_unasked(
    service: Service, path: str, who: dict[str, str] | str
) -> None:
    answer = await look(service, path, who)

    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("who", CLOSED, ids=["nobody", "wrong key", "another"])
async def test_for_everybody_else_it_is_not_there(service: Service, path: str, who: dict[str, str] | str) -> None:
    answer = await look(service, path, who)

    is_asked_for_a_key = path.startswith("/api/") and who != "bob"
    code = {True: "unauthorized", False: "not_found"}[is_asked_for_a_key]
    await problem_of(answer, status=401 if is_asked_for_a_key else 404, code=code)
    assert "no-store" in answer.headers["Cache-Control"]


async def test_not_even_after_its_owner_has_read_it_and_not_even_its_end(service: Service) -> None:
    for path in PLACES:
        for _ in range(3):
            assert (await look(service, path, "ana")).status == 200
        assert (await look(service, path, {})).status in {401, 404}
    assert (await service.http.delete(HOSTED, headers=token(service))).status == 204

    assert (await look(service, OWN, "ana")).status == 410
    assert (await look(service, HOSTED, "ana")).status == 410
    assert (await look(service, HOSTED, {})).status == 404
    assert (await look(service, OWN, "bob")).status == 404


async def test_it_is_served_as_all_images_are(service: Service) -> None:
    whole = await look(service, OWN, "ana")
    part = await look(service, OWN, "ana", Range="bytes=0-9")
    known = await look(service, OWN, "ana", **{"If-None-Match": whole.headers["ETag"]})
    head = await service.http.head(OWN, headers=token(service))

    assert await whole.read() == PICTURE
    assert (part.status, await part.read()) == (206, PICTURE[:10])
    assert (known.status, head.status, head.headers["ETag"]) == (304, 200, whole.headers["ETag"])
    assert whole.content_type == "image/png"


async def test_a_page_on_another_origin_may_send_its_key(service: Service) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    answer = await service.http.options(OWN, headers=asked | {"Access-Control-Request-Headers": "authorization"})

    assert answer.status == 204
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_its_document_says_where_it_is(service: Service) -> None:
    document = await (await look(service, f"{HOSTED}/info", "ana")).json()

    assert document["url"] == f"{service.url}{OWN}"
    assert document["source"] == "chat"


@pytest.mark.parametrize("access", ["public", "signed"])
async def test_a_signed_link_opens_it_for_as_long_as_it_lives(tmp_path: Path, access: str) -> None:
    async with still(tmp_path, API_KEYS=KEY, IMAGE_ACCESS=access) as service:
        await host_for_chat(service)
        link = await service.http.post(f"{HOSTED}/signed-url", json={"expires_in": 60}, headers=token(service))
        url = (await link.json())["url"]
        answer = await service.http.get(url)
        forged = await service.http.get(url[:-1] + ("0" if url[-1] != "0" else "1"))

    assert answer.status == 200
    assert answer.headers["Cache-Control"].startswith("private, max-age=")
    assert forged.status == (404 if access == "public" else 401)


async def test_other_images_are_not_found_there(service: Service) -> None:
    await host(service)

    for who in ("ana", SERVICE):
        await problem_of(await look(service, "/api/images/pic", who), status=404, code="not_found")


async def test_its_owner_can_delete_it_and_nobody_else(service: Service) -> None:
    assert (await service.http.delete(OWN, headers=token(service, "bob"))).status == 204
    assert (await look(service, OWN, "ana")).status == 200
    for _ in range(2):
        assert (await service.http.delete(OWN, headers=token(service))).status == 204
    answer = await look(service, OWN, "ana")

    assert (await problem_of(answer, status=410, code="image_deleted"))["reason"] == "user_request"
    assert service.files() == []


async def test_it_can_be_served_elsewhere_and_temporary_images_stay(tmp_path: Path) -> None:
    async with still(tmp_path, API_KEYS=KEY, IMAGE_SERVE_ENDPOINT="/my/pictures/") as service:
        await host_for_chat(service)
        document = await (await look(service, f"{HOSTED}/info", "ana")).json()
        answers = [await look(service, document["url"], who) for who in ("ana", SERVICE, "bob", {})]
        described = await (await service.http.get("/openapi.json")).json()
        temporary = await look(service, "/my/pictures/00000000-0000-4000-8000-000000000000", "ana")
        deleted = await service.http.delete(document["url"], headers=token(service))

    assert document["url"] == f"{service.url}/my/pictures/img_chat"
    assert [answer.status for answer in answers] == [200, 200, 404, 401]
    assert described["paths"]["/my/pictures/{id}"].keys() == {"get", "head", "options", "delete"}
    assert (temporary.status, deleted.status) == (404, 204)


async def test_where_no_keys_are_set_its_own_address_opens_it_and_the_public_one_does_not(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await host_for_chat(service)

        assert (await service.http.get(OWN)).status == 200
        assert (await service.http.get(HOSTED)).status == 404


async def test_others_cannot_hand_it_to_a_provider(tmp_path: Path) -> None:
    async with still(tmp_path, API_KEYS=KEY, FAL_KEY="a:b") as service:
        await host_for_chat(service)
        body = {"model": "fal-ai/flux/dev", "imageUrl": f"{service.url}{HOSTED}"}
        answer = await service.http.post("/api/generate", json=body, headers=token(service, "bob"))
        missing = body | {"imageUrl": f"{service.url}/v1/images/hosted/ana/img_none"}
        nothing = await service.http.post("/api/generate", json=missing, headers=token(service, "bob"))

    assert (answer.status, (await answer.json())["code"]) == (nothing.status, (await nothing.json())["code"])

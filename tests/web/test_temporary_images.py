"""/api/images: pictures for a provider to fetch, until their caller is done with them."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientResponse

from app.domain.ids import UserId
from tests.support import pictures
from tests.support.metadata import described
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.uploading import assert_nothing_is_left, post_json

PATH = "/api/images"
KEY = {"Idempotency-Key": "k-1"}
FORMATS = {
    "png": ("image/png", pictures.png()),
    "jpg": ("image/jpeg", pictures.jpeg()),
    "webp": ("image/webp", pictures.webp()),
    "gif": ("image/gif", pictures.gif()),
    "avif": ("image/avif", pictures.avif()),
}


async def create(service: Service, content: bytes | None = None, kind: str = "image/png", **headers: str) -> Any:
    text = data_uri(content or pictures.png()).replace("image/png", kind)
    return await post_json(service, PATH, {"user_id": "ana", "data_url": text}, **headers)


async def made(service: Service, *args: Any, **more: str) -> dict[str, str]:
    answer: ClientResponse = await create(service, *args, **more)
    found: dict[str, str] = await answer.json()
    assert answer.status == 201, found
    return found


@pytest.mark.parametrize(
    ("extension", "kind", "content"), [(name, *found) for name, found in FORMATS.items()], ids=FORMATS
)
async def test_it_is_served_as_it_came_under_a_name_that_says_its_type(
    service: Service, extension: str, kind: str, content: bytes
) -> None:
    image = await made(service, content, kind)
    served = await service.http.get(image["url"])

    assert image.keys() == {"url", "id"}
    assert image["url"] == f"{service.url}/api/images/{image['id']}.{extension}"
    assert await served.read() == content
    assert (served.headers["Content-Type"], served.headers["Cache-Control"]) == (kind, "no-store")


async def test_its_id_cannot_be_guessed(service: Service) -> None:
    ids = {UUID((await made(service))["id"]) for _ in range(5)}

    assert {each.version for each in ids} == {4}
    assert len(ids) == 5


async def test_it_keeps_what_the_picture_says(service: Service) -> None:
    content = described("JPEG")
    image = await made(service, content, "image/jpeg")

    assert await (await service.http.get(image["url"])).read() == content


async def test_it_is_served_without_its_extension_too(service: Service) -> None:
    image = await made(service)
    served = await service.http.get(f"{PATH}/{image['id']}")

    assert (served.status, served.headers["Content-Type"]) == (200, "image/png")


@pytest.mark.parametrize("ending", [".jpg", ".svg", ".", ".png.png", "x"])
async def test_another_name_is_no_name(service: Service, ending: str) -> None:
    image = await made(service)

    await problem_of(await service.http.get(f"{PATH}/{image['id']}{ending}"), status=404, code="not_found")


async def test_it_answers_heads_ranges_and_conditions(service: Service) -> None:
    url, size = (await made(service))["url"], len(pictures.png())
    head = await service.http.head(url)
    part = await service.http.get(url, headers={"Range": "bytes=8-15"})
    same = await service.http.get(url, headers={"If-None-Match": head.headers["ETag"]})

    assert (head.status, head.headers["Content-Length"], await head.read()) == (200, str(size), b"")
    assert (part.status, await part.read()) == (206, pictures.png()[8:16])
    assert (same.status, same.headers["Cache-Control"]) == (304, "no-store")


@pytest.mark.parametrize("name", ["00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000000.png"])
async def test_what_is_not_there_is_404_and_kept_by_nobody(service: Service, name: str) -> None:
    answer = await service.http.get(f"{PATH}/{name}")

    await problem_of(answer, status=404, code="not_found")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["x", "..", "%2e%2e%2fholdfast.db", ".lock", ".making", "0" * 36])
async def test_only_ids_are_looked_for(service: Service, name: str) -> None:
    assert (await service.http.get(f"{PATH}/{name}")).status in {404, 405}


async def test_deleting_it_is_fine_twice(service: Service) -> None:
    image = await made(service)
    statuses = [(await service.http.delete(image["url"])).status for _ in range(2)]

    assert statuses == [204, 204]
    assert (await service.http.get(image["url"])).status == 404
    await assert_nothing_is_left(service)


async def test_several_can_be_deleted_at_once(service: Service) -> None:
    ids = [(await made(service))["id"] for _ in range(3)]
    unknown = "00000000-0000-4000-8000-000000000000"
    answer = await service.http.delete(PATH, json={"ids": [*ids[:2], unknown, ids[0].upper()]})

    assert answer.status == 204
    assert [(await service.http.get(f"{PATH}/{each}")).status for each in ids] == [404, 404, 200]


@pytest.mark.parametrize("other", ["nope", "", "../images", ".lock", "0" * 36])
async def test_what_is_no_id_is_passed_over_and_the_rest_goes(service: Service, other: str) -> None:
    image = await made(service)
    answer = await service.http.delete(PATH, json={"ids": [other, image["id"]]})

    assert (answer.status, (await service.http.get(image["url"])).status) == (204, 404)
    assert (await service.http.delete(f"{PATH}/nope")).status == 204


@pytest.mark.parametrize("ids", [[1], "x", None, ["0" * 36] * 1001])
async def test_only_texts_are_deleted(service: Service, ids: Any) -> None:
    answer = await service.http.delete(PATH, json={"ids": ids})
    problem = await problem_of(answer, status=422, code="invalid_request")

    assert problem["field"].startswith("ids")


async def test_only_its_owner_may_delete_it(tmp_path: Path) -> None:
    async with serving(tmp_path, API_KEYS="a-service-key-of-some-length") as service:

        def token(user: str) -> dict[str, str]:
            issued, _ = service.graph.tokens.issue(UserId(user), expires_in=timedelta(minutes=1))
            return {"Authorization": f"Bearer {issued}"}

        image = await made(service, **token("ana"))
        his = await service.http.delete(image["url"], headers=token("ben"))
        kept = await service.http.get(image["url"])
        hers = await service.http.delete(image["url"], headers=token("ana"))
        gone = await service.http.get(image["url"])

        assert (his.status, kept.status, hers.status, gone.status) == (204, 200, 204, 404)


async def test_erasing_its_owner_erases_it(service: Service) -> None:
    image = await made(service)
    await service.http.delete("/v1/users/ana")

    assert (await service.http.get(image["url"])).status == 404
    await assert_nothing_is_left(service)


async def test_it_survives_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as before:
        image = await made(before)
    async with serving(tmp_path) as after:
        served = await after.http.get(f"{PATH}/{image['id']}.png")

        assert await served.read() == pictures.png()


async def test_bytes_that_were_torn_are_not_served(tmp_path: Path) -> None:
    async with serving(tmp_path) as before:
        image = await made(before)
    (file,) = (tmp_path / "temporary" / image["id"]).iterdir()
    file.write_bytes(file.read_bytes()[:-10])
    async with serving(tmp_path) as after:
        assert (await after.http.get(f"{PATH}/{image['id']}.png")).status == 404
        await assert_nothing_is_left(after)


async def test_the_budget_is_a_budget(tmp_path: Path) -> None:
    async with serving(tmp_path, TEMPORARY_MAX_MB="1") as service:
        first = await made(service, pictures.noise_png(600_000))
        refused = await create(service, pictures.noise_png(600_000, seed=1))
        await problem_of(refused, status=507, code="storage_full")
        await service.http.delete(first["url"])

        await made(service, pictures.noise_png(600_000, seed=1))


async def test_a_repeated_request_is_the_same_image(service: Service) -> None:
    first, again = await made(service, **KEY), await made(service, **KEY)
    other = await create(service, pictures.png(seed=1), **KEY)

    assert first == again
    await problem_of(other, status=422, code="idempotency_key_reused")


async def test_repeated_at_once_it_is_one_image(service: Service) -> None:
    images = await asyncio.gather(*(made(service, **KEY) for _ in range(6)))
    folders = [path for path in (service.folder / "temporary").iterdir() if not path.name.startswith(".")]

    assert len({image["id"] for image in images}) == len(folders) == 1


async def test_repeating_what_was_deleted_brings_nothing_back(service: Service) -> None:
    await service.http.delete((await made(service, **KEY))["url"])

    await problem_of(await create(service, **KEY), status=410, code="image_deleted")


async def test_nobody_finds_it_in_lists(service: Service) -> None:
    await made(service)
    listed = await (await service.http.get("/v1/users/ana/images")).json()
    assets = await (await service.http.get("/api/user-assets?user_id=ana")).json()

    assert listed["images"] == assets["assets"] == []


async def test_a_large_one_is_served_whole(service: Service) -> None:
    content = pictures.noise_png(3_000_000)
    image = await made(service, content)

    assert await (await service.http.get(image["url"])).read() == content

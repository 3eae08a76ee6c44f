"""GET /api/user-assets: what a user has brought in or had made, newest first."""

from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.domain.ids import UserId
from tests.support import pictures
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.uploading import upload


async def assets(service: Service, **query: Any) -> dict[str, Any]:
    answer = await service.http.get("/api/user-assets", params={"user_id": "ana"} | query)
    found: dict[str, Any] = await answer.json()
    assert answer.status == 200, found
    return found


async def ids(service: Service, **query: Any) -> list[str]:
    return [image["id"] for image in (await assets(service, **query))["assets"]]


async def one_of_each(service: Service) -> tuple[str, str, str]:
    """Return an image that was generated, one that was imported, and one that was uploaded, a minute apart each."""
    generated = (await (await service.generate()).json())["id"]
    service.clock.advance(60)
    imported = (await (await service.import_url(data_uri(pictures.png()))).json())["id"]
    service.clock.advance(60)
    return generated, imported, (await (await upload(service, pictures.png())).json())["id"]


async def test_everything_of_a_user_is_there_newest_first(service: Service) -> None:
    generated, imported, uploaded = await one_of_each(service)
    await upload(service, pictures.png(), user="ben")

    assert await ids(service) == [uploaded, imported, generated]


async def test_an_asset_is_the_image_document(service: Service) -> None:
    image = await (await upload(service, pictures.png())).json()
    document = await (await service.http.get(image["url"] + "/info")).json()

    assert (await assets(service))["assets"] == [document]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"source": "uploaded"}, [2]),
        ({"source": "generated,imported"}, [1, 0]),
        ({"source": ["uploaded", "generated"]}, [2, 0]),
        ({"source": "chat"}, []),
    ],
    ids=["one", "commas", "repeated", "none there"],
)
async def test_sources_can_be_chosen(service: Service, query: dict[str, Any], expected: list[int]) -> None:
    made = await one_of_each(service)

    assert await ids(service, **query) == [made[number] for number in expected]


async def test_a_time_to_begin_at_can_be_chosen(service: Service) -> None:
    _, imported, uploaded = await one_of_each(service)
    since = service.clock() - timedelta(seconds=90)
    spelled = [since.isoformat(), since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")]

    assert [await ids(service, since=text) for text in spelled] == [[uploaded, imported]] * 2


async def test_pages_follow_each_other(service: Service) -> None:
    made = [(await (await upload(service, pictures.png(8, 8, seed=n))).json())["id"] for n in range(5)]
    found, cursor = list[str](), ""
    while True:
        page = await assets(service, limit=2, cursor=cursor, source="uploaded")
        found += [image["id"] for image in page["assets"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert found == made[::-1]


async def test_what_was_deleted_is_not_there(service: Service) -> None:
    image = await (await upload(service, pictures.png())).json()
    await service.http.delete(image["url"])

    assert await ids(service) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"source": "stolen"}, "source"),
        ({"source": ""}, "source"),
        ({"source": "uploaded,"}, "source"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-11-21"}, "since"),
        ({"since": "2026-11-21T05:18:00"}, "since"),
        ({"since": "2026-13-21T05:18:00Z"}, "since"),
        ({"since": "0001-01-01T00:00:00+23:59"}, "since"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"cursor": "!"}, "cursor"),
    ],
)
async def test_a_bad_question_is_refused_by_field(service: Service, query: dict[str, str], field: str) -> None:
    answer = await service.http.get("/api/user-assets", params={"user_id": "ana"} | query)

    assert (await problem_of(answer, status=422, code="invalid_request"))["field"] == field


async def test_a_service_key_has_to_name_the_user(service: Service) -> None:
    problem = await problem_of(await service.http.get("/api/user-assets"), status=422, code="invalid_request")

    assert problem["field"] == "user_id"


async def test_a_token_asks_for_its_own(tmp_path: Path) -> None:
    async with serving(tmp_path, API_KEYS="a-service-key-of-some-length") as service:
        token, _ = service.graph.tokens.issue(UserId("ben"), expires_in=timedelta(minutes=1))
        headers = {"Authorization": f"Bearer {token}"}
        made = await (await upload(service, pictures.png(), user=None, **headers)).json()
        own = await service.http.get("/api/user-assets", headers=headers)
        anothers = await service.http.get("/api/user-assets?user_id=ana", headers=headers)

        assert [image["id"] for image in (await own.json())["assets"]] == [made["id"]]
        assert anothers.status == 404

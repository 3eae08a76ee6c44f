"""What the stand-in refuses, and in which words."""

from typing import Any

import pytest
from aiohttp import ClientSession, FormData

from devkit.replicate import FakeClock, ReplicateStandIn

MODEL = "models/stand-in/painter/predictions"
VERSION = "0" * 64


async def post(client: ClientSession, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post(path, json=body, headers=spelled) as answer:
        return answer.status, await answer.json(content_type=None)


@pytest.mark.parametrize("authorization", [None, "Bearer r8_wrong", "Basic r8_stand_in"], ids=str)
async def test_a_wrong_key_is_refused_in_the_documented_words(
    replicate: ReplicateStandIn, stranger: ClientSession, authorization: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    async with stranger.get(f"{replicate.base_url}/v1/predictions", headers=headers) as answer:
        assert answer.status == 401
        assert answer.content_type == "application/problem+json"
        assert await answer.json(content_type=None) == {
            "title": "Unauthenticated",
            "detail": "You did not pass a valid authentication token",
            "status": 401,
        }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (MODEL, {"input": {}, "wait": 3}),
        (MODEL, {"input": {}, "version": VERSION}),
        (MODEL, {}),
        (MODEL, {"input": "x"}),
        (MODEL, []),
        (MODEL, {"input": {}, "webhook": "ftp://x"}),
        (MODEL, {"input": {}, "webhook_events_filter": ["finished"]}),
        ("predictions", {"input": {}}),
        ("predictions", {"input": {}, "version": "latest"}),
    ],
    ids=[
        "unknown member",
        "version beside a model",
        "no input",
        "input is text",
        "no object",
        "webhook by FTP",
        "unknown event",
        "no version",
        "no such version",
    ],
)
async def test_a_body_that_is_not_as_published_is_refused(client: ClientSession, path: str, body: Any) -> None:
    status, problem = await post(client, path, body)

    assert (status, problem["status"]) == (422, 422)


@pytest.mark.parametrize("prefer", ["wait=0", "wait=100", "wait=1.5", "respond-async"])
async def test_a_preference_must_match_the_published_pattern(client: ClientSession, prefer: str) -> None:
    status, _ = await post(client, MODEL, {"input": {}}, Prefer=prefer)

    assert status == 422


@pytest.mark.parametrize("cancel_after", ["4s", "4", "", "soon", "5m30", "-5s"])
async def test_a_deadline_must_be_a_duration_of_5_seconds_or_more(client: ClientSession, cancel_after: str) -> None:
    status, _ = await post(client, MODEL, {"input": {}}, Cancel_After=cancel_after)

    assert status == 422


@pytest.mark.parametrize(
    ("cancel_after", "deadline"),
    [
        ("90", "2026-01-01T12:01:30.000Z"),
        ("30s", "2026-01-01T12:00:30.000Z"),
        ("5m", "2026-01-01T12:05:00.000Z"),
        ("1h30m45s", "2026-01-01T13:30:45.000Z"),
    ],
)
async def test_a_deadline_has_four_spellings(client: ClientSession, cancel_after: str, deadline: str) -> None:
    _, prediction = await post(client, MODEL, {"input": {}}, Cancel_After=cancel_after)

    assert prediction["deadline"] == deadline


async def test_a_version_may_name_its_model_and_an_official_model_is_a_version(client: ClientSession) -> None:
    _, bare = await post(client, "predictions", {"input": {}, "version": VERSION})
    _, named = await post(client, "predictions", {"input": {}, "version": f"a/b:{VERSION}"})
    _, official = await post(client, "predictions", {"input": {}, "version": "a/b"})

    assert (bare["model"], bare["version"]) == ("stand-in/painter", VERSION)
    assert (named["model"], named["version"]) == ("a/b", VERSION)
    assert (official["model"], official["version"]) == ("a/b", "hidden")


async def test_a_deployment_has_a_version_of_its_own(client: ClientSession) -> None:
    status, prediction = await post(client, "deployments/a/b/predictions", {"input": {}})

    assert (status, prediction["deployment"], prediction["version"][:3]) == (201, "a/b", "dp-")


@pytest.mark.parametrize("path", ["predictions/none", "nowhere", "files/none"])
async def test_what_is_not_there_is_a_problem_document(client: ClientSession, path: str) -> None:
    async with client.get(path) as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")
        assert (await answer.json(content_type=None))["detail"]


async def test_every_answer_says_what_is_left_of_the_limit(client: ClientSession) -> None:
    async with client.post(MODEL, json={"input": {}}) as answer:
        assert (answer.headers["ratelimit-remaining"], answer.headers["ratelimit-reset"]) == ("599", "1")
    async with client.get("predictions") as answer:
        assert answer.headers["ratelimit-remaining"] == "2999"


async def test_an_enforced_limit_throttles_until_time_has_passed() -> None:
    async with ReplicateStandIn(clock=FakeClock(), creates_per_minute=6, enforce_limits=True) as replicate:
        headers = {"Authorization": f"Bearer {replicate.token}"}
        async with ClientSession(base_url=f"{replicate.base_url}/v1/", headers=headers) as client:
            statuses = [(await post(client, MODEL, {"input": {}}))[0] for _ in range(7)]
            replicate.advance(10)
            later, _ = await post(client, MODEL, {"input": {}})

    assert statuses == [201] * 6 + [429]
    assert later == 201


async def test_models_and_versions_describe_their_output(client: ClientSession) -> None:
    async with client.get("models/a/b") as answer:
        model = await answer.json()
    async with client.get(f"models/a/b/versions/{model['latest_version']['id']}") as answer:
        version = await answer.json()

    output = version["openapi_schema"]["components"]["schemas"]["Output"]
    assert output == {"type": "array", "items": {"type": "string", "format": "uri"}, "title": "Output"}


def form(content: bytes) -> FormData:
    data = FormData()
    data.add_field("content", content, filename="a.bin", content_type="application/octet-stream")
    return data


async def test_a_file_lives_for_a_day(replicate: ReplicateStandIn, client: ClientSession) -> None:
    async with client.post("files", data=form(b"bytes")) as answer:
        assert answer.status == 201
        file = await answer.json()
    assert file["expires_at"] == "2026-01-02T12:00:00.000Z"

    replicate.advance(24 * 3600)

    async with client.get(f"files/{file['id']}") as answer:
        assert answer.status == 404
        assert (await answer.json(content_type=None))["detail"] == "File not found"


async def test_a_file_that_is_too_large_is_refused() -> None:
    async with ReplicateStandIn(largest_file=10) as replicate:
        headers = {"Authorization": f"Bearer {replicate.token}"}
        async with (
            ClientSession(base_url=f"{replicate.base_url}/v1/", headers=headers) as client,
            client.post("files", data=form(b"0123456789+")) as answer,
        ):
            assert answer.status == 413
            detail = (await answer.json(content_type=None))["detail"]

    assert detail == "Files must be less than 100MB in size"


async def test_an_upload_needs_a_part_named_content(client: ClientSession) -> None:
    data = FormData()
    data.add_field("file", b"bytes", filename="a.bin")
    async with client.post("files", data=data) as answer:
        assert answer.status == 422

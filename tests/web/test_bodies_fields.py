"""Every field of every body, wrong in every way that is easy to name: 4xx, and the field is named."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from devkit.replicate import ReplicateStandIn
from tests.support.problems import assert_problem, problem_of
from tests.support.service import Service
from tests.support.still import host, still

pytestmark = pytest.mark.asyncio(loop_scope="module")

GENERATE, IMPORT, TOKENS = "/v1/images/generate", "/v1/images/import", "/v1/tokens"
SIGN = "/v1/images/hosted/ana/pic/signed-url"
DATA = "data:image/png;base64,iVBORw0KGgo="
RIGHT: Mapping[str, Mapping[str, Any]] = {
    GENERATE: {"user_id": "ana", "model": "acme/painter", "input": {}, "wait": 0},
    IMPORT: {"user_id": "ana", "url": DATA, "wait": 0},
    TOKENS: {"user_id": "ana", "expires_in": 60},
    SIGN: {"expires_in": 60},
}
TEXT = [1, True, 1.5, [], {}, ["ana"], "", "x" * 100_000, "a\u0000b"]
NUMBER = ["1", True, [], {}, -1, 1e300, 10**30, 61.5]
OBJECT = ["x", 1, True, [], [["a", 1]], 1.5]
WRONG: Mapping[tuple[str, str], list[Any]] = {
    (GENERATE, "user_id"): [*TEXT, ".", "..", ".ana", "a/b", "a b", "\u00e4", "a" * 129, "ana\n"],
    (GENERATE, "model"): [*TEXT, None, "painter", "../../x/y", "a/b/c", "a/b?c", "\u00e4/b"],
    (GENERATE, "input"): [*OBJECT, None],
    (GENERATE, "provider"): [*TEXT, None, "FAL", "REPLICATE"],
    (GENERATE, "wait"): [*NUMBER, None, 61],
    (GENERATE, "metadata"): [*OBJECT, None, {"a": "x" * 17_000}],
    (IMPORT, "user_id"): [*TEXT, ".ana", "a" * 129],
    (IMPORT, "url"): [*TEXT[:6], None, "", "not a url", "http://", "//host/x.png", "x" * 100],
    (IMPORT, "image_id"): [*TEXT, "a/b", "a.png", "..", "a" * 129, "\u00e4"],
    (IMPORT, "prediction_id"): [*TEXT, "a/b", "a" * 129],
    (IMPORT, "output_index"): ["0", True, 1.5, [], {}, -1, 1001, 10**30],
    (IMPORT, "wait"): [*NUMBER, None],
    (IMPORT, "metadata"): [*OBJECT, None, {"a": "x" * 17_000}],
    (IMPORT, "prediction"): ["x", 1, True, []],
    (TOKENS, "user_id"): [*TEXT, None, ".ana", "a" * 129],
    (TOKENS, "expires_in"): ["60", True, [], {}, None, 0, -1, 1.5, 31_536_001, 10**30],
    (SIGN, "expires_in"): ["60", True, [], {}, None, 0, -1, 1.5, 31_536_001, 10**30],
}
CASES = [(path, field, value) for (path, field), values in WRONG.items() for value in values]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with ReplicateStandIn() as replicate, still(tmp_path_factory.mktemp("bodies"), replicate) as running:
        await host(running)
        yield running


@pytest.mark.parametrize("path", RIGHT)
async def test_the_right_body_is_accepted(service: Service, path: str) -> None:
    assert (await service.post(path, RIGHT[path])).status in {200, 201, 202}


@pytest.mark.parametrize(
    ("path", "field", "value"), CASES, ids=lambda part: str(part)[:24].encode("unicode_escape").decode()
)
async def test_a_wrong_field_is_named(service: Service, path: str, field: str, value: Any) -> None:
    body = {**RIGHT[path], field: value}
    if field == "prediction":
        del body["url"]
    response = await service.post(path, body)
    document = await response.json(content_type=None)
    assert 400 <= response.status < 500, document
    assert_problem(response.status, response.headers, document)
    assert document.get("field") == field, document
    assert len(document["detail"]) < 300


@pytest.mark.parametrize("path", RIGHT)
async def test_an_unknown_field_is_refused_and_named(service: Service, path: str) -> None:
    response = await service.post(path, {**RIGHT[path], "user": "ana"})
    document = await problem_of(response, status=422, code="unknown_field")
    assert document["field"] == "user"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        *((GENERATE, "user_id"), (GENERATE, "model"), (GENERATE, "input")),
        *((IMPORT, "user_id"), (IMPORT, "url"), (TOKENS, "user_id")),
    ],
)
async def test_a_missing_field_is_named(service: Service, path: str, field: str) -> None:
    body = {name: value for name, value in RIGHT[path].items() if name != field}
    document = await problem_of(await service.post(path, body), status=422, code="invalid_request")
    assert document["field"] == field


async def test_optional_fields_may_be_null(service: Service) -> None:
    nothing = dict.fromkeys(("image_id", "prediction_id", "output_index", "prediction"))
    assert (await service.post(IMPORT, {**RIGHT[IMPORT], **nothing})).status == 202


async def test_model_and_version_together_are_refused(service: Service) -> None:
    response = await service.post(GENERATE, {**RIGHT[GENERATE], "version": "a" * 64})
    assert (await problem_of(response, status=422, code="invalid_request"))["field"] == "model"


@pytest.mark.parametrize("field", ["image_id", "prediction_id", "output_index"])
async def test_what_goes_with_a_url_does_not_go_with_a_prediction(service: Service, field: str) -> None:
    body = {"user_id": "ana", "prediction": {"id": "abc"}, field: 1 if field == "output_index" else "abc"}
    assert (await problem_of(await service.post(IMPORT, body), status=422, code="invalid_request"))["field"] == field


async def test_many_mistakes_are_answered_in_few_words(service: Service) -> None:
    body = {f"{number}-{'x' * 1000}": 1 for number in range(500)}
    response = await service.post(TOKENS, body)
    assert response.status == 422
    assert len(await response.read()) < 10_000


async def test_every_mistake_is_told_at_once(service: Service) -> None:
    response = await service.post(TOKENS, {"user_id": "a/b", "expires_in": 0})
    document = await problem_of(response, status=422, code="invalid_request")
    assert [each["field"] for each in document["errors"]] == ["user_id", "expires_in"]


async def test_metadata_comes_back_as_it_was_given(service: Service) -> None:
    metadata = {"a": [1, 2.5, None, True, {"b": "\u00e4\U0001f600\u0000"}], "": {}, "n": 10**40, "e": 1e-300}
    document = await (await service.post(IMPORT, {**RIGHT[IMPORT], "url": DATA + "AA==", "metadata": metadata})).json()
    shown = await service.http.get(f"/v1/images/hosted/ana/{document['id']}/info")
    assert document["metadata"] == metadata
    assert (await shown.json())["metadata"] == metadata


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "a b", "\u00e4"])
async def test_an_idempotency_key_is_visible_ascii(service: Service, key: str) -> None:
    response = await service.post(IMPORT, RIGHT[IMPORT], headers={"Idempotency-Key": key})
    assert (await problem_of(response, status=422, code="invalid_request"))["field"] == "Idempotency-Key"


async def test_being_less_patient_is_not_another_request(service: Service) -> None:
    headers = {"Idempotency-Key": "patience"}
    first = await service.post(GENERATE, RIGHT[GENERATE], headers=headers)
    second = await service.post(GENERATE, {**RIGHT[GENERATE], "wait": 0.01}, headers=headers)
    third = await service.post(GENERATE, {**RIGHT[GENERATE], "input": {"n": 1}}, headers=headers)
    assert (await first.json())["generation_id"] == (await second.json())["generation_id"]
    await problem_of(third, status=422, code="idempotency_key_reused")

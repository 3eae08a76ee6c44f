"""Nothing a client sends makes a 500: raw bytes, any JSON, and bodies that are nearly right."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devkit.replicate import ReplicateStandIn
from tests.support.problems import assert_problem
from tests.support.service import Service
from tests.support.still import host, still

pytestmark = pytest.mark.asyncio(loop_scope="module")

POSTS = {
    "/v1/images/generate": ("user_id", "model", "version", "input", "provider", "wait", "metadata"),
    "/v1/images/import": ("user_id", "url", "image_id", "prediction_id", "output_index", "prediction", "metadata"),
    "/v1/images/hosted/ana/pic/signed-url": ("expires_in",),
    "/v1/tokens": ("user_id", "expires_in"),
    "/v1/webhooks/replicate": ("id", "status", "output"),
    "/api/images": ("user_id", "data_url"),
}
BAD_GATEWAYS = {"generation_failed", "source_gone", "source_unavailable"}

numbers = st.integers() | st.floats() | st.integers(min_value=-(10**40), max_value=10**40)
texts = st.text() | st.characters(codec=None).map(str) | st.sampled_from(["ana", "acme/painter", "https://127.0.0.1/x"])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
predictions = st.fixed_dictionaries(
    {"id": st.sampled_from(["abc", "a1b2"]) | values},
    optional={
        "status": st.sampled_from(["starting", "succeeded", "failed"]) | values,
        "output": st.sampled_from(["https://127.0.0.1/x.png", ["data:image/png;base64,AA=="]]) | values,
        "created_at": st.datetimes().map(str) | values,
        "completed_at": st.datetimes().map(str) | values,
        "input": values,
        "urls": values,
        "error": values,
    },
)
RIGHT: Mapping[str, st.SearchStrategy[Any]] = {
    "user_id": st.sampled_from(["ana", "bob"]),
    "model": st.just("acme/painter"),
    "input": st.dictionaries(texts, values, max_size=3),
    "url": st.sampled_from(["data:image/png;base64,iVBORw0KGgo=", "https://127.0.0.1/x.png"]),
    "data_url": st.sampled_from(["data:image/png;base64,iVBORw0KGgo=", "data:image/png;base64,A"]) | texts,
    "wait": st.just(0),
    "expires_in": st.integers(1, 1000),
    "prediction": predictions,
    "metadata": st.dictionaries(texts, values, max_size=3),
}

fuzz = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
each_post = pytest.mark.parametrize("path", POSTS)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with ReplicateStandIn() as replicate, still(tmp_path_factory.mktemp("fuzz"), replicate) as running:
        await host(running)
        yield running


async def assert_survives(service: Service, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with service.http.post(path, data=body, headers=headers) as response:
        document = await response.json(content_type=None)
        if response.status >= 400:
            assert_problem(response.status, response.headers, document)
        if response.status >= 500:
            assert (response.status, document["code"]) in {(502, code) for code in BAD_GATEWAYS}, (body, document)
        json.dumps(document, allow_nan=False)


@each_post
@fuzz
@given(body=st.binary(max_size=300))
async def test_raw_bytes_do_no_harm(service: Service, path: str, body: bytes) -> None:
    await assert_survives(service, path, body)


@each_post
@fuzz
@given(body=values)
async def test_any_json_does_no_harm(service: Service, path: str, body: Any) -> None:
    await assert_survives(service, path, json.dumps(body).encode())


@each_post
@fuzz
@given(data=st.data())
async def test_bodies_that_are_nearly_right_do_no_harm(service: Service, path: str, data: st.DataObject) -> None:
    right = {name: RIGHT.get(name, values) for name in POSTS[path]}
    names = data.draw(st.sets(st.sampled_from(POSTS[path])))
    wrong = data.draw(st.sampled_from([None, *POSTS[path]]))
    body = {name: data.draw(values if name == wrong else right[name]) for name in sorted(names)}
    body |= {"wait": 0} if path in {"/v1/images/generate", "/v1/images/import"} else {}
    await assert_survives(service, path, json.dumps(body).encode())


@each_post
@fuzz
@given(key=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=300))
async def test_any_idempotency_key_does_no_harm(service: Service, path: str, key: str) -> None:
    headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
    async with service.http.post(path, data=b'{"user_id": "ana"}', headers=headers) as response:
        assert response.status < 500


@fuzz
@given(prediction=predictions)
async def test_any_prediction_does_no_harm(service: Service, prediction: dict[str, Any]) -> None:
    body = {"user_id": "ana", "prediction": prediction, "wait": 0}
    await assert_survives(service, "/v1/images/import", json.dumps(body).encode())

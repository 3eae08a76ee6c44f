"""What is JSON here, and what is not."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.web import strict_json
from tests.support.problems import assert_problem
from tests.support.raw import exchange, request
from tests.support.service import Service
from tests.support.still import still

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/tokens"
JSON = "Content-Type: application/json"
RIGHT = b'{"user_id": "ana"}'
NOT_JSON = {
    "nothing": b"",
    "a space": b" ",
    "half an object": b'{"user_id": "ana"',
    "more than one": b'{"user_id": "ana"}{}',
    "trailing comma": b'{"user_id": "ana",}',
    "single quotes": b"{'user_id': 'ana'}",
    "a comment": b'{"user_id": "ana"} // yes',
    "nan": b'{"user_id": "ana", "expires_in": NaN}',
    "infinity": b'{"user_id": "ana", "expires_in": Infinity}',
    "minus infinity": b'{"user_id": "ana", "expires_in": -Infinity}',
    "too large a float": b'{"user_id": "ana", "expires_in": 1e400}',
    "too many digits": b'{"user_id": "ana", "expires_in": ' + b"9" * 5000 + b"}",
    "the same name twice": b'{"user_id": "ana", "user_id": "bob"}',
    "twice, further in": b'{"user_id": "ana", "metadata": {"a": [{"b": 1, "b": 2}]}}',
    "deep arrays": b'{"user_id": ' + b"[" * 500 + b"]" * 500 + b"}",
    "very deep arrays": b"[" * 100_000,
    "very deep objects": b'{"a":' * 100_000,
    "too many values": b'{"a": [' + b"1," * 300_000 + b"1]}",
    "utf-16": '{"user_id": "ana"}'.encode("utf-16"),
    "utf-16 without a mark": '{"user_id": "ana"}'.encode("utf-16-le"),
    "latin-1": '{"user_id": "\u00e4"}'.encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbf" + RIGHT,
    "an overlong encoding": b'{"user_id": "\xc0\x80"}',
    "a raw nul": b'{"user_id": "a\x00"}',
    "half a character": b'{"user_id": "\\ud83d"}',
    "half a character in a name": b'{"\\udc00": 1}',
    "halves in the wrong order": b'{"user_id": "\\udc00\\ud83d"}',
    "an array": b"[]",
    "a string": b'"user_id"',
    "a number": b"1",
    "null": b"null",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with still(tmp_path_factory.mktemp("json"), REQUEST_MAX_MB="1") as running:
        yield running


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_no_json_object_is_malformed(service: Service, body: bytes) -> None:
    reply = await exchange(service, request("POST", PATH, JSON, body=body))
    assert_problem(400, reply.headers, reply.json(), code="malformed_body")
    assert b"ana" not in reply.body


@pytest.mark.parametrize(
    "field",
    [
        "Content-Type: application/json",
        "Content-Type: application/json; charset=utf-8",
        "Content-Type: application/json;charset=UTF-8",
        'Content-Type: application/json; charset="utf-8"',
        "Content-Type: Application/JSON",
        "content-type:application/json ; charset=utf-8",
        "Content-Type: application/json; charset=latin-1",
        "Content-Type: application/json; charset=",
    ],
)
async def test_json_may_be_labelled_like_this(service: Service, field: str) -> None:
    assert (await exchange(service, request("POST", PATH, field, body=RIGHT))).status == 201


@pytest.mark.parametrize(
    "field",
    [
        "X-Nothing: to see",
        "Content-Type:",
        "Content-Type: text/plain",
        "Content-Type: text/json",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Type: application/json, text/plain",
        "Content-Type: application/jsonp",
        "Content-Type: application/problem+json",
        "Content-Type: \u00ff/\u00ff",
        "Content-Type: ;",
    ],
)
async def test_what_is_not_labelled_json_is_415(service: Service, field: str) -> None:
    reply = await exchange(service, request("POST", PATH, field, body=RIGHT))
    assert_problem(415, reply.headers, reply.json(), code="unsupported_media_type")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x", ""])
@pytest.mark.parametrize("path", [PATH, "/v1/images/import", "/v1/webhooks/replicate"])
async def test_encoded_bodies_are_415(service: Service, path: str, encoding: str) -> None:
    reply = await exchange(service, request("POST", path, JSON, f"Content-Encoding: {encoding}", body=RIGHT))
    assert_problem(415, reply.headers, reply.json(), code="unsupported_media_type")


async def test_identity_is_no_encoding(service: Service) -> None:
    reply = await exchange(service, request("POST", PATH, JSON, "Content-Encoding: identity", body=RIGHT))
    assert reply.status == 201


async def test_nesting_up_to_the_bound_is_fine() -> None:
    assert strict_json.loads(b'{"a":' + b"[" * 90 + b"]" * 90 + b"}")


async def test_numbers_and_characters_are_kept() -> None:
    document = {"a": [0, -1, 10**300, 0.1, 1e308, True, None], "\u00e4\U0001f600": "\u0000\n"}
    assert strict_json.loads(json.dumps(document).encode()) == document
    assert strict_json.loads(json.dumps(document, ensure_ascii=False).encode()) == document

"""fal's signature, against a vector made with a key of RFC 8032."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from app.adapters.providers.fal_jobs import Reading
from app.adapters.providers.fal_keys import FalKeys
from app.adapters.providers.fal_webhooks import FalWebhooks
from app.domain.errors import InvalidInput, Unauthorized
from app.domain.generations import JobStatus
from devkit.serving import served

NOW = datetime.fromtimestamp(1752019770, UTC)
REQUEST = "5057fca7-2eb3-468f-b95d-cefe92b0b9d4"
KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo="}
BODY = (
    b'{"error": null, "gateway_request_id": "5057fca7-2eb3-468f-b95d-cefe92b0b9d4", "payload": {"images": '
    b'[{"content_type": "image/jpeg", "height": 1024, "url": "https://v3.fal.media/files/lion/a.jpeg", '
    b'"width": 1024}], "seed": 1}, "request_id": "5057fca7-2eb3-468f-b95d-cefe92b0b9d4", "status": "OK"}'
)
HEADERS = {
    "X-Fal-Webhook-Request-Id": REQUEST,
    "X-Fal-Webhook-User-Id": "user_123",
    "X-Fal-Webhook-Timestamp": "1752019770",
    "X-Fal-Webhook-Signature": "77f8eb24e92e5599468a469b124c4dc2c90da604bc9f9bebc083a9c916cf35cc"
    "297f1a8e967eeea4b22b4d7672dc7a13b87d8bbd4334599b6c02fb40ddd8e60b",
}


@asynccontextmanager
async def reader(*keys: object) -> AsyncIterator[FalWebhooks]:
    """Yield a reader whose keys are published by a server of our own."""

    async def publish(_: web.Request) -> web.Response:
        return web.json_response({"keys": list(keys)})

    app = web.Application()
    app.router.add_get("/jwks.json", publish)
    async with served(app) as url:
        found = FalKeys(url=f"{url}/jwks.json", clock=lambda: NOW)
        reading = Reading(lifetime=timedelta(days=7), allow_http=False)
        yield FalWebhooks(
            verify=found.verify, parse=lambda document: reading.told(document, now=NOW), clock=lambda: NOW
        )
        await found.aclose()


async def test_the_vector_is_verified_and_read() -> None:
    async with reader(KEY) as webhooks:
        job = await webhooks.read(HEADERS, BODY)

    assert (job.provider, job.id, job.status) == ("fal", REQUEST, JobStatus.SUCCEEDED)
    assert job.outputs == ("https://v3.fal.media/files/lion/a.jpeg",)
    assert job.outputs_expire_at == NOW + timedelta(days=7)


async def test_one_fitting_key_among_others_will_do() -> None:
    other = KEY | {"x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
    unpadded = KEY | {"x": str(KEY["x"]).rstrip("=")}
    async with reader({"kty": "RSA"}, "no key", {**KEY, "x": "!"}, other, unpadded) as webhooks:
        assert (await webhooks.read(HEADERS, BODY)).id == REQUEST


@pytest.mark.parametrize(
    "keys", [[], [{"kty": "RSA"}], [KEY | {"x": "AAAA"}]], ids=["none", "another kind", "too short"]
)
async def test_without_a_key_nothing_is_believed(keys: list[object]) -> None:
    async with reader(*keys) as webhooks:
        with pytest.raises(Unauthorized):
            await webhooks.read(HEADERS, BODY)


@pytest.mark.parametrize("byte", range(0, len(BODY), 29), ids=str)
async def test_not_a_byte_may_be_changed(byte: int) -> None:
    changed = bytearray(BODY)
    changed[byte] ^= 1
    async with reader(KEY) as webhooks:
        with pytest.raises(Unauthorized):
            await webhooks.read(HEADERS, bytes(changed))


@pytest.mark.parametrize("name", HEADERS, ids=str)
async def test_every_header_is_needed(name: str) -> None:
    async with reader(KEY) as webhooks:
        with pytest.raises(Unauthorized):
            await webhooks.read({key: value for key, value in HEADERS.items() if key != name}, BODY)


def test_what_a_webhook_says_is_read() -> None:
    reading = Reading(lifetime=timedelta(days=7), allow_http=False)
    failed = reading.told(
        {"request_id": REQUEST, "status": "ERROR", "error": "Invalid status code: 422", "payload": None}, now=NOW
    )
    told_nothing = reading.told({"request_id": REQUEST, "status": "IN_QUEUE"}, now=NOW)

    assert (failed.status, failed.error) == (JobStatus.FAILED, "Invalid status code: 422")
    assert told_nothing.status is JobStatus.PROCESSING
    with pytest.raises(InvalidInput):
        reading.told({"status": "OK", "payload": {}}, now=NOW)

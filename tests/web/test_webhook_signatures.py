"""POST /v1/webhooks/replicate: only what the provider has signed, and lately, is believed."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from devkit.replicate import ApiFault, ReplicateStandIn, sign
from tests.support.service import Service, serving

NEW_SECRET = "whsec_" + base64.b64encode(b"a rotated webhook secret").decode()
PATH = "/v1/webhooks/replicate"


@pytest.fixture
async def service(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    async with serving(tmp_path, replicate, REPLICATE_WEBHOOK_SECRET=replicate.webhook_secret) as running:
        yield running


@pytest.fixture
async def asking(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    """A service that was told no secret."""
    async with serving(tmp_path, replicate) as running:
        yield running


def document(**more: Any) -> bytes:
    return json.dumps({"id": "x" * 26, "status": "succeeded", "output": [], **more}).encode()


async def send(
    service: Service, secret: str, *, body: bytes | None = None, age: float = 0, **changes: str
) -> ClientResponse:
    """Send a webhook signed with *secret*, *age* seconds old, with some of its headers changed."""
    body = document() if body is None else body
    timestamp = str(int(service.clock().timestamp() - age))
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(secret, "msg_1", timestamp, body),
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    given = {name: value for name, value in headers.items() if value}
    return await service.http.post(PATH, data=body, headers={"Content-Type": "application/json"} | given)


async def test_a_signed_webhook_of_a_stranger_is_taken_and_ignored(
    service: Service, replicate: ReplicateStandIn
) -> None:
    answer = await send(service, replicate.webhook_secret)

    assert answer.status == 200


@pytest.mark.parametrize("age", [299, -299], ids=["late", "early"])
async def test_clocks_may_differ_a_little(service: Service, replicate: ReplicateStandIn, age: float) -> None:
    assert (await send(service, replicate.webhook_secret, age=age)).status == 200


@pytest.mark.parametrize("age", [302, -302, 86400], ids=["old", "from the future", "a day old"])
async def test_a_recording_is_worth_nothing(service: Service, replicate: ReplicateStandIn, age: float) -> None:
    assert (await send(service, replicate.webhook_secret, age=age)).status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_signature": ""},
        {"webhook_timestamp": ""},
        {"webhook_id": ""},
        {"webhook_id": "msg_2"},
        {"webhook_timestamp": "1767225600"},
        {"webhook_timestamp": "soon"},
        {"webhook_timestamp": "9" * 40},
        {"webhook_signature": "v1,"},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1,ü"},
        {"webhook_signature": "v0," + "A" * 44},
        {"webhook_signature": " ".join(["v1," + "A" * 43 + "="] * 100)},
    ],
    ids=lambda changes: "-".join((*changes, *changes.values()))[:40],
)
async def test_a_webhook_that_is_not_signed_right_is_refused(
    service: Service, replicate: ReplicateStandIn, changes: dict[str, str]
) -> None:
    answer = await send(service, replicate.webhook_secret, **changes)

    assert (answer.status, (await answer.json())["code"]) == (401, "unauthorized")


async def test_another_secret_opens_nothing(service: Service) -> None:
    assert (await send(service, NEW_SECRET)).status == 401


async def test_a_body_that_was_changed_is_refused(service: Service, replicate: ReplicateStandIn) -> None:
    timestamp = str(int(service.clock().timestamp()))
    signature = sign(replicate.webhook_secret, "msg_1", timestamp, document())
    answer = await send(service, NEW_SECRET, body=document(status="failed"), webhook_signature=signature)

    assert answer.status == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"id": 7}'], ids=repr)
async def test_a_signed_body_that_is_no_prediction_is_refused(
    service: Service, replicate: ReplicateStandIn, body: bytes
) -> None:
    answer = await send(service, replicate.webhook_secret, body=body)

    assert answer.status in {400, 422}


async def test_a_large_body_is_taken(service: Service, replicate: ReplicateStandIn) -> None:
    body = document(logs="x" * 5_000_000)
    timestamp = str(int(service.clock().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": "msg_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(replicate.webhook_secret, "msg_1", timestamp, body),
    }

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    answer = await service.http.post(PATH, data=chunks(), headers=headers)

    assert answer.status == 200


async def test_a_secret_nobody_told_us_is_asked_for_once(asking: Service, replicate: ReplicateStandIn) -> None:
    statuses = [(await send(asking, replicate.webhook_secret)).status for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert len(replicate.journal.select(path="/webhooks/default/secret")) == 1


async def test_a_secret_that_was_rotated_is_asked_for_again(asking: Service, replicate: ReplicateStandIn) -> None:
    before = await send(asking, replicate.webhook_secret)
    replicate.api_faults.add(ApiFault(on="secret", status=200, body={"key": NEW_SECRET}))
    asking.clock.advance(61)
    after = await send(asking, NEW_SECRET)

    assert (before.status, after.status) == (200, 200)
    assert (await send(asking, replicate.webhook_secret)).status == 401


async def test_strangers_cannot_make_us_ask_all_the_time(asking: Service, replicate: ReplicateStandIn) -> None:
    statuses = [(await send(asking, NEW_SECRET)).status for _ in range(5)]

    assert statuses == [401] * 5
    assert len(replicate.journal.select(path="/webhooks/default/secret")) == 1


async def test_a_secret_that_could_not_be_had_is_asked_for_soon_again(
    asking: Service, replicate: ReplicateStandIn
) -> None:
    replicate.api_faults.add(ApiFault(on="secret", status=429, headers={"Retry-After": "60"}))
    refused = await send(asking, replicate.webhook_secret)
    asking.clock.advance(6)
    taken = await send(asking, replicate.webhook_secret)

    assert (refused.status, taken.status) == (401, 200)


async def test_without_a_token_no_webhook_is_believed(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    async with serving(tmp_path, replicate, REPLICATE_API_TOKEN="") as service:
        answer = await send(service, replicate.webhook_secret)

    assert answer.status == 401

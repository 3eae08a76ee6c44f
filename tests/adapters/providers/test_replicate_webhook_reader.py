"""Webhooks of the stand-in, and forgeries of them."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from app.adapters.providers.replicate import ReplicateProvider
from app.adapters.providers.replicate_webhooks import ReplicateWebhooks
from app.domain.errors import InvalidInput, ProviderUnreachable, Unauthorized
from app.domain.generations import JobStatus, Order
from devkit.mailbox import Letter, mailbox
from devkit.replicate import ApiFault, FakeClock, ReplicateStandIn, sign, throttled

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = json.dumps({"id": "abc", "status": "succeeded"}).encode()


def signed(clock: FakeClock, *, secret: str = SECRET, body: bytes = BODY, age: float = 0) -> dict[str, str]:
    timestamp = str(int((clock() - timedelta(seconds=age)).timestamp()))
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(secret, "msg_1", timestamp, body),
    }


@pytest.fixture
def clock(replicate: ReplicateStandIn) -> FakeClock:
    return replicate.clock


@pytest.fixture
def reader(provider: ReplicateProvider, clock: FakeClock) -> ReplicateWebhooks:
    """A reader that was given its secret."""
    return a_reader(provider, clock, secret=SECRET)


def a_reader(provider: ReplicateProvider, clock: FakeClock, *, secret: str | None = None) -> ReplicateWebhooks:
    return ReplicateWebhooks(secret=secret, fetch_secret=provider.webhook_secret, parse=provider.parse, clock=clock)


async def a_letter(replicate: ReplicateStandIn, provider: ReplicateProvider) -> Letter:
    """Create a prediction and return the webhook that comes of it."""
    async with mailbox() as box:
        order = Order(model="a/b", version=None, input={})
        await provider.create(order, wait=timedelta(0), cancel_after=None, webhook=box.url)
        await replicate.settled()
        (letter,) = box.letters
    return letter


async def test_a_webhook_brings_the_job_with_its_outputs(
    replicate: ReplicateStandIn, provider: ReplicateProvider, clock: FakeClock
) -> None:
    replicate.conduct.bogus_first = replicate.conduct.with_v2 = True
    letter = await a_letter(replicate, provider)

    job = await a_reader(provider, clock).read(letter.headers, letter.body)

    assert job.status is JobStatus.SUCCEEDED
    assert job.outputs == replicate.predictions[0].files


async def test_the_documented_webhook_is_accepted(provider: ReplicateProvider) -> None:
    at = datetime.fromtimestamp(1614265330, UTC)
    reader = ReplicateWebhooks(
        secret=SECRET, fetch_secret=provider.webhook_secret, parse=provider.parse, clock=lambda: at
    )
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    # Its signature is right; that its body is no prediction shows only after that.
    with pytest.raises(InvalidInput):
        await reader.read(headers, b'{"test": 2432232314}')


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-signature": "v1,bm8="},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,\u20ac"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 30},
        {"webhook-timestamp": "-1"},
    ],
    ids=["another id", "another signature", "none", "no ASCII", "no time", "a long time", "a negative time"],
)
async def test_a_forged_webhook_is_refused(
    reader: ReplicateWebhooks, clock: FakeClock, change: Mapping[str, str]
) -> None:
    with pytest.raises(Unauthorized):
        await reader.read(signed(clock) | change, BODY)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
async def test_a_webhook_without_a_header_is_refused(reader: ReplicateWebhooks, clock: FakeClock, missing: str) -> None:
    headers = signed(clock)
    del headers[missing]

    with pytest.raises(Unauthorized):
        await reader.read(headers, BODY)


async def test_a_changed_body_is_refused(reader: ReplicateWebhooks, clock: FakeClock) -> None:
    with pytest.raises(Unauthorized):
        await reader.read(signed(clock), BODY + b" ")


async def test_a_signature_under_another_label_does_not_count(reader: ReplicateWebhooks, clock: FakeClock) -> None:
    headers = signed(clock)
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v2,")

    with pytest.raises(Unauthorized):
        await reader.read(headers, BODY)


@pytest.mark.parametrize("age", [302, -302], ids=["old", "from the future"])
async def test_a_webhook_of_another_time_is_refused(reader: ReplicateWebhooks, clock: FakeClock, age: float) -> None:
    with pytest.raises(Unauthorized):
        await reader.read(signed(clock, age=age), BODY)


@pytest.mark.parametrize("age", [290, -290], ids=["old", "from the future"])
async def test_a_webhook_may_be_a_few_minutes_off(reader: ReplicateWebhooks, clock: FakeClock, age: float) -> None:
    assert (await reader.read(signed(clock, age=age), BODY)).id == "abc"


@pytest.mark.parametrize("secret", ["whsec_", "", "whsec_AAAA", "whsec_!!!!"], ids=repr)
async def test_a_secret_that_protects_nothing_accepts_nothing(
    provider: ReplicateProvider, clock: FakeClock, secret: str
) -> None:
    reader = a_reader(provider, clock, secret=secret)
    guessed = "whsec_" + base64.b64encode(base64.b64decode(secret.removeprefix("whsec_") or "")).decode()

    with pytest.raises(Unauthorized):
        await reader.read(signed(clock, secret=guessed), BODY)


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b"[" * 100_000, b"\xff"], ids=lambda body: repr(body[:3]))
async def test_a_signed_webhook_that_is_no_prediction_is_invalid(
    reader: ReplicateWebhooks, clock: FakeClock, body: bytes
) -> None:
    with pytest.raises(InvalidInput):
        await reader.read(signed(clock, body=body), body)


async def test_a_large_webhook_is_read_too(reader: ReplicateWebhooks, clock: FakeClock) -> None:
    body = json.dumps({"id": "abc", "status": "failed", "logs": "x" * 300_000}).encode()

    assert (await reader.read(signed(clock, body=body), body)).status is JobStatus.FAILED


async def test_the_secret_is_asked_for_once(
    replicate: ReplicateStandIn, provider: ReplicateProvider, clock: FakeClock
) -> None:
    reader = a_reader(provider, clock)
    for _ in range(3):
        await reader.read(signed(clock, secret=replicate.webhook_secret), BODY)

    assert len(replicate.journal.select(path="/webhooks/default/secret")) == 1


async def test_forgeries_make_us_ask_for_the_secret_once_a_minute_at_most(
    replicate: ReplicateStandIn, provider: ReplicateProvider, clock: FakeClock
) -> None:
    reader = a_reader(provider, clock)
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await reader.read(signed(clock), BODY)
    assert len(replicate.journal.entries) == 1

    replicate.advance(61)
    with pytest.raises(Unauthorized):
        await reader.read(signed(clock), BODY)
    assert len(replicate.journal.entries) == 2


async def test_without_a_secret_nothing_is_accepted(
    replicate: ReplicateStandIn, provider: ReplicateProvider, clock: FakeClock
) -> None:
    replicate.api_faults.add(throttled(seconds=30))

    with pytest.raises(Unauthorized):
        await a_reader(provider, clock).read(signed(clock, secret=replicate.webhook_secret), BODY)


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"key": null}', '{"key": "secret"}'])
async def test_an_answer_without_a_secret_is_none(
    replicate: ReplicateStandIn, provider: ReplicateProvider, body: str
) -> None:
    replicate.api_faults.add(ApiFault(on="secret", status=200, body=body))

    with pytest.raises(ProviderUnreachable):
        await provider.webhook_secret()

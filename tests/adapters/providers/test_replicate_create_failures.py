"""A create that fails is never sent again, and its error says whether it may have cost something."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.adapters.providers import replicate as adapter_module
from app.adapters.providers.replicate import ReplicateProvider
from app.domain.errors import (
    AppError,
    ProviderAnswerLost,
    ProviderCredit,
    ProviderFailed,
    ProviderThrottled,
    ProviderUnreachable,
)
from app.domain.generations import Job, Order
from devkit.replicate import ApiFault, ReplicateStandIn, insufficient_credit, throttled, unauthenticated


async def create(provider: ReplicateProvider) -> Job:
    order = Order(model="a/b", version=None, input={"prompt": "x"})
    return await provider.create(order, wait=timedelta(0), cancel_after=None, webhook=None)


@pytest.mark.parametrize(
    ("fault", "expected", "message"),
    [
        (unauthenticated(), ProviderFailed, "You did not pass a valid authentication token"),
        (insufficient_credit(), ProviderCredit, "You have insufficient credit"),
        (throttled(), ProviderThrottled, "Request was throttled"),
        (ApiFault(status=403, body={"title": "Forbidden"}), ProviderFailed, "Forbidden"),
        (ApiFault(status=404, body={"detail": "No such model"}), ProviderFailed, "No such model"),
        (ApiFault(status=422, body={"detail": [{"loc": "x"}]}), ProviderFailed, '[{"loc":"x"}]'),
        (ApiFault(status=400, body="<html>"), ProviderFailed, "Replicate answered 400."),
        (ApiFault(status=302, headers={"Location": "/v1/x"}), ProviderFailed, "Replicate answered 302."),
        (ApiFault(status=500, body={"detail": "oops"}), ProviderAnswerLost, "oops"),
        (ApiFault(status=503, accepted=True), ProviderAnswerLost, "Replicate answered 503."),
        (ApiFault(drop=True), ProviderAnswerLost, "did not say"),
        (ApiFault(drop=True, accepted=True), ProviderAnswerLost, "did not say"),
        (ApiFault(status=201, body={"id": "x" * 60}, cut_after=9), ProviderAnswerLost, "did not say"),
        (ApiFault(status=201, body="{"), ProviderAnswerLost, "cannot be read"),
        (ApiFault(status=201, body="[]"), ProviderAnswerLost, "cannot be read"),
        (ApiFault(status=201, body="[" * 100_000), ProviderAnswerLost, "cannot be read"),
        (ApiFault(status=201, body={"status": "starting"}), ProviderAnswerLost, "cannot be read"),
    ],
    ids=[
        "401",
        "402",
        "429",
        "403",
        "404",
        "422",
        "400 without JSON",
        "redirect",
        "500",
        "503 after it was created",
        "dropped",
        "dropped after it was created",
        "cut off",
        "no JSON",
        "no object",
        "nested too deeply",
        "no id",
    ],
)
async def test_a_refused_create_is_sent_once(
    replicate: ReplicateStandIn,
    provider: ReplicateProvider,
    fault: ApiFault,
    expected: type[AppError],
    message: str,
) -> None:
    replicate.api_faults.add(fault)

    with pytest.raises(expected) as caught:
        await create(provider)

    assert type(caught.value) is expected
    assert message in caught.value.detail
    assert len(replicate.journal.entries) == 1


async def test_an_answer_that_does_not_come_in_time_is_lost(
    replicate: ReplicateStandIn, adapter: Callable[..., ReplicateProvider]
) -> None:
    replicate.api_faults.add(ApiFault(hang=True, accepted=True))

    with pytest.raises(ProviderAnswerLost):
        await create(adapter(timeout=timedelta(seconds=0.05)))

    assert len(replicate.journal.entries) == 1


async def test_an_answer_that_is_too_large_is_lost(
    replicate: ReplicateStandIn, adapter: Callable[..., ReplicateProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_module, "LARGEST_ANSWER", 1000)
    replicate.api_faults.add(ApiFault(status=201, body="x" * 1001))

    with pytest.raises(ProviderAnswerLost):
        await create(adapter())


@pytest.mark.parametrize(
    "base_url",
    ["http://127.0.0.1:1", "https://127.0.0.1:{port}"],
    ids=["nobody listens", "no TLS where TLS is asked for"],
)
async def test_without_a_connection_nothing_was_started(
    replicate: ReplicateStandIn, adapter: Callable[..., ReplicateProvider], base_url: str
) -> None:
    port = replicate.base_url.rpartition(":")[2]

    with pytest.raises(ProviderUnreachable):
        await create(adapter(base_url=base_url.format(port=port)))

    assert replicate.journal.entries == []


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (throttled(header="3", body=4, seconds=5), 3),
        (throttled(body=4.5, seconds=5), 4.5),
        (throttled(seconds=5), 5),
        (ApiFault(status=429, body={"detail": "slow down"}, headers={"ratelimit-reset": "9"}), 9),
        (throttled(header="soon", body=4), 4),
        (throttled(header="-1", body=4), 4),
        (ApiFault(status=429, body={"retry_after": True}, headers={"ratelimit-reset": "nan"}), None),
        (ApiFault(status=429, body={"retry_after": 1e12}), 86400),
    ],
    ids=[
        "header",
        "body",
        "words",
        "rate limit",
        "no number in the header",
        "negative header",
        "nonsense",
        "for ever",
    ],
)
async def test_the_first_place_that_says_when_to_come_back_is_believed(
    replicate: ReplicateStandIn, provider: ReplicateProvider, fault: ApiFault, seconds: float | None
) -> None:
    replicate.api_faults.add(fault)

    with pytest.raises(ProviderThrottled) as caught:
        await create(provider)

    assert caught.value.retry_after == seconds


async def test_a_date_to_come_back_at_is_counted_from_our_clock(
    replicate: ReplicateStandIn, adapter: Callable[..., ReplicateProvider]
) -> None:
    provider = adapter(clock=lambda: datetime(2026, 1, 1, 12, tzinfo=UTC))
    replicate.api_faults.add(throttled(header="Thu, 01 Jan 2026 12:00:42 GMT"))

    with pytest.raises(ProviderThrottled) as caught:
        await create(provider)

    assert caught.value.retry_after == 42


async def test_the_token_is_never_repeated(
    replicate: ReplicateStandIn, provider: ReplicateProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    replicate.api_faults.add(ApiFault(status=403, body={"detail": f"{replicate.token} may not do that"}))

    with pytest.raises(ProviderFailed) as caught:
        await create(provider)

    assert caught.value.detail == "[token] may not do that"
    assert replicate.token not in caplog.text


async def test_what_the_provider_says_is_shortened_and_made_printable(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    replicate.api_faults.add(ApiFault(status=422, body={"detail": "\x00\ud800" + "x" * 5000}))

    with pytest.raises(ProviderFailed) as caught:
        await create(provider)

    assert caught.value.detail == " ?" + "x" * 998

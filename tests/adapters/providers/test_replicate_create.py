"""Creating a prediction: what is sent, and what comes back when all goes well or nothing was asked properly."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.adapters.providers.replicate import ReplicateProvider
from app.domain.errors import InvalidInput, ProviderNotConfigured
from app.domain.generations import Job, JobStatus, Order, input_fingerprint
from devkit.replicate import ApiFault, Behaviour, ReplicateStandIn, Sync

VERSION = "0" * 64
SOON = timedelta(0)


def an_order(model: str | None = "a/b", *, version: str | None = None, **model_input: Any) -> Order:
    return Order(model=model, version=version, input=model_input)


async def create(provider: ReplicateProvider, order: Order | None = None, **changes: Any) -> Job:
    asked: dict[str, Any] = {"wait": SOON, "cancel_after": None, "webhook": None} | changes
    return await provider.create(order or an_order(), **asked)


async def test_a_create_says_what_is_documented_and_nothing_else(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    await create(
        provider,
        an_order(prompt="a fox"),
        wait=timedelta(seconds=7.9),
        cancel_after=timedelta(minutes=10),
        webhook="https://example.com/hook",
    )

    (entry,) = replicate.journal.entries
    assert (entry.method, entry.path) == ("POST", "/v1/models/a/b/predictions")
    assert json.loads(entry.body) == {
        "input": {"prompt": "a fox"},
        "webhook": "https://example.com/hook",
        "webhook_events_filter": ["completed"],
    }
    assert entry.headers["Authorization"] == "Bearer r8_stand_in"
    assert entry.headers["Prefer"] == "wait=7"
    assert entry.headers["Cancel-After"] == "600s"
    assert entry.headers["Content-Type"] == "application/json"


async def test_a_create_without_a_wait_asks_for_nothing_special(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    job = await create(provider, wait=timedelta(seconds=0.9))

    (entry,) = replicate.journal.entries
    assert {"Prefer", "Cancel-After"}.isdisjoint(entry.headers)
    assert json.loads(entry.body) == {"input": {}}
    assert (job.status, job.outputs) == (JobStatus.STARTING, ())


async def test_a_wait_and_a_deadline_keep_to_the_limits_of_the_api(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    await create(provider, wait=timedelta(minutes=5), cancel_after=timedelta(seconds=1))

    (entry,) = replicate.journal.entries
    assert (entry.headers["Prefer"], entry.headers["Cancel-After"]) == ("wait=60", "5s")


@pytest.mark.parametrize(
    ("order", "path", "version"),
    [
        (an_order("stability-ai/sdxl"), "/v1/models/stability-ai/sdxl/predictions", None),
        (an_order("a/flux-1.1-pro"), "/v1/models/a/flux-1.1-pro/predictions", None),
        (an_order(f"a/b:{VERSION}"), "/v1/predictions", VERSION),
        (an_order("deployments/a/b"), "/v1/deployments/a/b/predictions", None),
        (an_order(None, version=VERSION), "/v1/predictions", VERSION),
        (an_order(None, version=f"a/b:{VERSION}"), "/v1/predictions", f"a/b:{VERSION}"),
        (an_order(None, version="a/b"), "/v1/predictions", "a/b"),
    ],
    ids=["model", "dots", "model:version", "deployment", "version", "named version", "official version"],
)
async def test_an_order_takes_the_route_it_needs(
    replicate: ReplicateStandIn, provider: ReplicateProvider, order: Order, path: str, version: str | None
) -> None:
    await create(provider, order)

    (entry,) = replicate.journal.entries
    assert entry.path == path
    assert json.loads(entry.body).get("version") == version


@pytest.mark.parametrize(
    "model",
    [
        "",
        "b",
        "a/",
        "/b",
        "a/b/c",
        "../b",
        "a/..",
        "./b",
        "a/b?x=1",
        "a/b#x",
        "a/b%2f..",
        "a/b\n",
        "a\\b/c",
        "a/b:latest",
        f"a/b:{VERSION}0",
        "deployments/a/..",
        "a/" + "b" * 129,
        "ä/b",
    ],
    ids=repr,
)
async def test_a_model_that_is_no_name_is_refused_before_anything_is_sent(
    replicate: ReplicateStandIn, provider: ReplicateProvider, model: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await create(provider, an_order(model))

    assert caught.value.field == "model"
    assert replicate.journal.entries == []


@pytest.mark.parametrize("version", ["", "latest", "0" * 63, "a/b:latest", "0" * 64 + "\n"], ids=repr)
async def test_a_version_that_is_none_is_refused(provider: ReplicateProvider, version: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await create(provider, an_order(None, version=version))

    assert caught.value.field == "version"


@pytest.mark.parametrize("order", [an_order(None), an_order("a/b", version=VERSION)], ids=["neither", "both"])
async def test_an_order_names_one_model(provider: ReplicateProvider, order: Order) -> None:
    with pytest.raises(InvalidInput):
        await create(provider, order)


async def test_an_input_that_is_no_json_is_refused(replicate: ReplicateStandIn, provider: ReplicateProvider) -> None:
    with pytest.raises(InvalidInput) as caught:
        await create(provider, an_order(scale=float("nan")))

    assert caught.value.field == "input"
    assert replicate.journal.entries == []


async def test_without_a_token_nothing_is_asked(
    replicate: ReplicateStandIn, adapter: Callable[..., ReplicateProvider]
) -> None:
    provider = adapter(token=None)

    with pytest.raises(ProviderNotConfigured):
        await create(provider)
    with pytest.raises(ProviderNotConfigured):
        await provider.get("abc")
    assert replicate.journal.entries == []


@pytest.mark.parametrize(
    ("sync", "status"),
    [
        (Sync.PROCESSING, JobStatus.PROCESSING),
        (Sync.SUCCEEDED, JobStatus.SUCCEEDED),
        (Sync.DATA_URI, JobStatus.PROCESSING),
    ],
    ids=str,
)
async def test_a_create_that_waits_comes_back_with_the_outputs(
    replicate: ReplicateStandIn, provider: ReplicateProvider, sync: Sync, status: JobStatus
) -> None:
    replicate.behaviour = replicate.behaviours["a/b"] = Behaviour(sync=sync, pictures=2)

    job = await create(provider, wait=timedelta(seconds=30))

    assert job.status is status
    assert len(job.outputs) == 2
    if sync is Sync.DATA_URI:
        assert all(output.startswith("data:application/octet-stream;base64,") for output in job.outputs)
    else:
        assert job.outputs == replicate.predictions[0].files


async def test_a_wait_that_runs_out_leaves_a_job_to_poll(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    replicate.behaviours["a/b"] = Behaviour(sync=Sync.TIMED_OUT)

    job = await create(provider, wait=timedelta(seconds=30))

    assert (job.status, job.outputs) == (JobStatus.STARTING, ())
    assert job.id == replicate.predictions[0].id


async def test_an_accepted_create_is_as_good_as_a_created_one(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    replicate.behaviours["a/b"] = Behaviour(answer_status=202, sparse=True)

    assert (await create(provider)).status is JobStatus.STARTING


async def test_a_job_can_be_recognised_by_its_input_and_its_webhook(provider: ReplicateProvider) -> None:
    order = an_order(prompt="a fox", steps=4)

    job = await create(provider, order, webhook="https://example.com/t")

    assert job.input_sha256 == input_fingerprint(order.input)
    assert job.webhook == "https://example.com/t"
    assert (job.provider, job.model) == (provider.name, "a/b")


async def test_an_input_of_several_megabytes_is_sent_and_echoed(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    order = an_order(image="data:image/png;base64," + "A" * 3_000_000)

    job = await create(provider, order)

    assert replicate.predictions[0].input == order.input
    assert job.input_sha256 == input_fingerprint(order.input)


async def test_a_hundred_creates_that_wait_do_not_hold_up_a_poll(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    polled = await create(provider)
    replicate.behaviours["a/b"] = Behaviour(processing=3600)
    waiting = [asyncio.create_task(create(provider, wait=timedelta(minutes=1))) for _ in range(100)]
    await replicate.arrived(101)

    async with asyncio.timeout(5):
        assert (await provider.get(polled.id)).id == polled.id

    replicate.advance(61)
    assert {job.status for job in await asyncio.gather(*waiting)} == {JobStatus.STARTING}


async def test_an_answer_that_is_held_is_waited_for_longer_than_others(
    replicate: ReplicateStandIn, adapter: Callable[..., ReplicateProvider]
) -> None:
    replicate.behaviours["a/b"] = Behaviour(processing=0.1)

    job = await create(adapter(timeout=timedelta(seconds=0.05)), wait=timedelta(seconds=5))

    assert len(job.outputs) == 1


async def test_neither_proxies_nor_cookies_are_used(
    replicate: ReplicateStandIn, provider: ReplicateProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    replicate.api_faults.add(
        ApiFault(on="get", status=200, body={"id": "a", "status": "x"}, headers={"Set-Cookie": "a=b"})
    )

    await provider.get("a")
    await create(provider)

    assert all("Cookie" not in entry.headers for entry in replicate.journal.entries)
    assert len(replicate.journal.entries) == 2


async def test_a_create_takes_a_connection_of_its_own(replicate: ReplicateStandIn, provider: ReplicateProvider) -> None:
    job = await create(provider)
    await provider.get(job.id)

    created, read = replicate.journal.entries
    assert created.headers.get("Connection") == "close"
    assert "Connection" not in read.headers


@pytest.mark.parametrize(
    "base_url",
    ["", "api.replicate.com", "ftp://api.replicate.com", "https://a.com?x=1", "https://u:p@a.com"],
    ids=repr,
)
def test_a_base_url_must_be_a_plain_http_address(adapter: Callable[..., ReplicateProvider], base_url: str) -> None:
    with pytest.raises(ValueError, match="base URL"):
        adapter(base_url=base_url)


def test_a_token_that_no_header_can_hold_is_refused_without_being_shown(
    adapter: Callable[..., ReplicateProvider],
) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        adapter(token="r8_secret\r\nX-Other: 1")

    assert "r8_secret" not in str(caught.value)

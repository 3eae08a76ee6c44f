"""Reading, cancelling and listing predictions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.adapters.providers.replicate import ReplicateProvider
from app.domain.errors import AppError, NotFound, ProviderThrottled, ProviderUnreachable
from app.domain.generations import Job, JobStatus, Order
from devkit.replicate import ApiFault, Behaviour, FakeClock, ReplicateStandIn, throttled, unauthenticated


async def create(provider: ReplicateProvider) -> Job:
    order = Order(model="a/b", version=None, input={"prompt": "x"})
    return await provider.create(order, wait=timedelta(0), cancel_after=None, webhook=None)


async def test_a_job_is_read_to_its_end_and_past_it(replicate: ReplicateStandIn, provider: ReplicateProvider) -> None:
    created = await create(provider)
    replicate.advance(1)

    done = await provider.get(created.id)
    assert (done.status, done.outputs) == (JobStatus.SUCCEEDED, replicate.predictions[0].files)
    assert done.completed_at is not None
    assert done.outputs_expire_at == done.completed_at + timedelta(hours=1)

    replicate.advance(3600)
    removed = await provider.get(created.id)
    assert (removed.outputs, removed.outputs_removed, removed.input_sha256) == ((), True, None)


async def test_a_job_that_failed_says_why(replicate: ReplicateStandIn, provider: ReplicateProvider) -> None:
    replicate.behaviours["a/b"] = Behaviour(ending="failed", error={"code": "E1001"})
    created = await create(provider)
    replicate.advance(1)

    job = await provider.get(created.id)

    assert (job.status, job.error) == (JobStatus.FAILED, '{"code":"E1001"}')


@pytest.mark.parametrize("job_id", ["", ".", "..", "a/b", "a?b", "a%2Fb", "a\n", "x" * 65, "ä"], ids=repr)
async def test_what_is_no_id_is_not_looked_for(
    replicate: ReplicateStandIn, provider: ReplicateProvider, job_id: str
) -> None:
    with pytest.raises(NotFound):
        await provider.get(job_id)
    with pytest.raises(NotFound):
        await provider.cancel(job_id)

    assert replicate.journal.entries == []


async def test_a_job_nobody_knows_is_not_found(replicate: ReplicateStandIn, provider: ReplicateProvider) -> None:
    with pytest.raises(NotFound):
        await provider.get("unknown")

    assert len(replicate.journal.entries) == 1


@pytest.mark.parametrize(
    "fault",
    [
        ApiFault(status=500),
        ApiFault(status=503),
        throttled(header="2"),
        ApiFault(status=200, body={"id": "x" * 60}, cut_after=9),
    ],
    ids=["500", "503", "429", "cut off"],
)
async def test_a_read_is_tried_three_times_more(
    replicate: ReplicateStandIn, provider: ReplicateProvider, pauses: list[float], fault: ApiFault
) -> None:
    created = await create(provider)
    replicate.api_faults.add(fault, times=3)

    assert (await provider.get(created.id)).id == created.id
    assert len(pauses) == 3


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (ApiFault(status=500, body={"detail": "oops"}), ProviderUnreachable),
        (throttled(header="2"), ProviderThrottled),
        (ApiFault(status=200, body={"id": "x" * 60}, cut_after=9), ProviderUnreachable),
    ],
    ids=["500", "429", "cut off"],
)
async def test_a_read_is_given_up_after_four_attempts(
    replicate: ReplicateStandIn,
    provider: ReplicateProvider,
    pauses: list[float],
    fault: ApiFault,
    expected: type[AppError],
) -> None:
    replicate.api_faults.add(fault, times=9)

    with pytest.raises(expected):
        await provider.get("abc")

    assert len(replicate.journal.entries) == 4
    assert len(pauses) == 3


async def test_a_connection_that_is_dropped_is_made_again(
    replicate: ReplicateStandIn, provider: ReplicateProvider, pauses: list[float]
) -> None:
    created = await create(provider)
    # The HTTP library makes one more attempt of its own for each of ours.
    replicate.api_faults.add(ApiFault(drop=True), times=4)

    assert (await provider.get(created.id)).id == created.id
    assert len(pauses) == 2


async def test_a_long_throttling_is_handed_on_at_once(
    replicate: ReplicateStandIn, provider: ReplicateProvider, pauses: list[float]
) -> None:
    replicate.api_faults.add(throttled(seconds=30))

    with pytest.raises(ProviderThrottled) as caught:
        await provider.get("abc")

    assert caught.value.retry_after == 30
    assert pauses == []


@pytest.mark.parametrize(
    "fault",
    [unauthenticated(), ApiFault(status=302, headers={"Location": "/"}), ApiFault(status=200, body="{")],
    ids=["401", "redirect", "no JSON"],
)
async def test_an_answer_that_helps_nobody_is_not_asked_for_again(
    replicate: ReplicateStandIn, provider: ReplicateProvider, fault: ApiFault
) -> None:
    replicate.api_faults.add(fault)

    with pytest.raises(ProviderUnreachable):
        await provider.get("abc")

    assert len(replicate.journal.entries) == 1


async def test_cancelling_stops_a_running_job(replicate: ReplicateStandIn, provider: ReplicateProvider) -> None:
    replicate.behaviours["a/b"] = Behaviour(processing=3600)
    created = await create(provider)

    assert (await provider.cancel(created.id)).status is JobStatus.CANCELED


async def test_a_job_that_has_ended_stays_as_it_is(replicate: ReplicateStandIn, provider: ReplicateProvider) -> None:
    created = await create(provider)
    replicate.advance(1)

    assert (await provider.cancel(created.id)).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize("status", [400, 409, 422])
async def test_a_refused_cancellation_is_answered_with_the_job(
    replicate: ReplicateStandIn, provider: ReplicateProvider, status: int
) -> None:
    created = await create(provider)
    replicate.advance(1)
    replicate.api_faults.add(ApiFault(on="cancel", status=status))

    assert (await provider.cancel(created.id)).status is JobStatus.SUCCEEDED


async def test_cancelling_is_asked_again_when_the_answer_is_lost(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    replicate.behaviours["a/b"] = Behaviour(processing=3600)
    created = await create(provider)
    replicate.api_faults.add(ApiFault(on="cancel", drop=True, accepted=True))

    assert (await provider.cancel(created.id)).status is JobStatus.CANCELED


async def test_cancelling_what_nobody_knows_is_not_found(provider: ReplicateProvider) -> None:
    with pytest.raises(NotFound):
        await provider.cancel("unknown")


async def recent(provider: ReplicateProvider, since: datetime) -> list[str]:
    return [job.id async for job in provider.recent(since)]


async def test_recent_jobs_come_newest_first_across_pages(adapter: Callable[..., ReplicateProvider]) -> None:
    async with ReplicateStandIn(clock=FakeClock(), page_size=2) as replicate:
        provider = adapter(base_url=replicate.base_url)
        created = []
        for _ in range(6):
            replicate.advance(60)
            created.append((await create(provider)).id)

        assert await recent(provider, datetime(2026, 1, 1, 12, 2, tzinfo=UTC)) == created[:0:-1]
        assert len(replicate.journal.select(method="GET")) == 3


async def test_a_job_of_this_very_millisecond_is_recent(adapter: Callable[..., ReplicateProvider]) -> None:
    start = datetime(2026, 1, 1, 12, 0, 0, 123999, tzinfo=UTC)
    async with ReplicateStandIn(clock=FakeClock(start)) as replicate:
        provider = adapter(base_url=replicate.base_url)
        created = await create(provider)

        assert await recent(provider, start) == [created.id]


def a_page(*results: Any, following: str | None = None) -> ApiFault:
    return ApiFault(on="list", status=200, body={"next": following, "previous": None, "results": list(results)})


def a_prediction(job_id: str, created_at: str = "2030-01-01T00:00:00Z") -> dict[str, str]:
    return {"id": job_id, "status": "starting", "created_at": created_at}


NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_list_that_ignores_the_time_is_not_read_to_its_end(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    old = a_prediction("old", "2020-01-01T00:00:00Z")
    replicate.api_faults.add(a_page(a_prediction("new"), old, following=f"{replicate.base_url}?cursor=1"))

    assert await recent(provider, NOW) == ["new"]
    assert len(replicate.journal.entries) == 1


async def test_the_next_page_is_asked_of_the_configured_host_only(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    replicate.api_faults.add(a_page(a_prediction("one"), following="http://127.0.0.1:1/steal?cursor=2"))
    replicate.api_faults.add(a_page(a_prediction("two")))

    assert await recent(provider, NOW) == ["one", "two"]
    second = replicate.journal.entries[1]
    assert (second.path, second.query["cursor"]) == ("/v1/predictions", "2")


@pytest.mark.parametrize("following", [7, "http://[", "?created_after=2026-01-01T00:00:00.000Z"], ids=repr)
async def test_a_list_that_leads_nowhere_ends(
    replicate: ReplicateStandIn, provider: ReplicateProvider, following: Any
) -> None:
    replicate.api_faults.add(a_page(a_prediction("one"), following=following))

    assert await recent(provider, NOW) == ["one"]


async def test_a_listed_prediction_that_cannot_be_read_is_passed_over(
    replicate: ReplicateStandIn, provider: ReplicateProvider
) -> None:
    replicate.api_faults.add(a_page(None, {"id": "../x"}, a_prediction("one")))

    assert await recent(provider, NOW) == ["one"]


@pytest.mark.parametrize("body", ["{", "[]", '{"results": 1}'])
async def test_a_list_that_is_none_is_unreachable(
    replicate: ReplicateStandIn, provider: ReplicateProvider, body: str
) -> None:
    replicate.api_faults.add(ApiFault(on="list", status=200, body=body))

    with pytest.raises(ProviderUnreachable):
        await recent(provider, NOW)

"""The call to a provider goes on when its caller's wait is over, and whatever comes of it is taken in."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.domain.catalog import IdempotencyKey
from app.domain.errors import NotFound, ProviderAnswerLost, ProviderCredit, ProviderThrottled
from app.domain.generations import Generation, JobStatus, Order
from app.domain.ids import GenerationId, IdFactory
from app.domain.images import ImageStatus
from app.services.jobs import JobService
from app.services.launching import GenerationRequest, Launcher, Terms
from app.services.reconciling import Reconciler
from app.services.signals import Signals
from app.services.sources import Sources
from devkit.clock import FakeClock
from tests.support.doubles import ANA, ORDER, Catalog, FakeProvider, a_job

KEY = IdempotencyKey(key="k-1", operation="POST /v1/images/generate", request_sha256="0" * 64)
NO_WAIT = GenerationRequest(user=ANA, provider="replicate", order=ORDER, wait=timedelta())


@pytest.fixture
def jobs(catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock, signals: Signals) -> JobService:
    return JobService(
        generations=catalog.generations,
        providers=lambda _: provider,
        sources=Sources(downloader=None, ids=ids, clock=clock, deadline=timedelta(hours=1)),
        signals=signals,
        clock=clock,
        kick=lambda: None,
        lifetime=timedelta(hours=1),
    )


@pytest.fixture
def signals() -> Signals:
    """Signals to which any wait is over at the second look."""
    ticks = iter(range(0, 10_000_000, 100))
    return Signals(monotonic=lambda: float(next(ticks)))


class Slow:
    """A preparation that an order needs if *is_slow*, and that takes until it is *done*."""

    def __init__(self) -> None:
        self.is_slow = False
        self.done = asyncio.Event()
        self.released: list[GenerationId] = []

    async def is_ready(self, order: Order, provider: str) -> bool:
        return not self.is_slow

    async def ready(self, order: Order, generation: Generation) -> Order:
        await self.done.wait()
        return order

    async def release(self, generation: GenerationId) -> None:
        self.released.append(generation)


@pytest.fixture
def preparation() -> Slow:
    return Slow()


@pytest.fixture
async def launcher(
    catalog: Catalog,
    provider: FakeProvider,
    jobs: JobService,
    ids: IdFactory,
    clock: FakeClock,
    signals: Signals,
    preparation: Slow,
) -> AsyncIterator[Launcher]:
    launcher = Launcher(
        generations=catalog.generations,
        providers=lambda _: provider,
        jobs=jobs,
        reconciler=Reconciler(generations=catalog.generations, providers=lambda _: provider, jobs=jobs, clock=clock),
        signals=signals,
        ids=ids,
        clock=clock,
        terms=Terms(
            webhook_url=lambda *_: None,
            cancel_after=timedelta(hours=1),
            is_hosting=True,
            preparation=preparation,
        ),
    )
    yield launcher
    await launcher.stop(timedelta())


async def answered(launcher: Launcher) -> None:
    """Wait until no call is under way."""
    await asyncio.gather(*(call.task for call in launcher._calls.values()), return_exceptions=True)


async def test_a_caller_who_cannot_wait_leaves_the_call_to_itself(
    launcher: Launcher, catalog: Catalog, provider: FakeProvider
) -> None:
    launched = await launcher.launch(NO_WAIT, idempotency_key=None)
    provider.answer.set_result(a_job())
    await answered(launcher)
    known = await catalog.generations.find(launched.generation.id)

    assert launched.job is None
    assert known is not None
    assert known.job_id == "job-1"


async def test_a_refusal_that_comes_after_a_promise_breaks_it(
    launcher: Launcher, catalog: Catalog, provider: FakeProvider, clock: FakeClock
) -> None:
    launched = await launcher.launch(NO_WAIT, idempotency_key=KEY)
    await catalog.generations.promise(launched.generation.id, at=clock())
    provider.answer.set_exception(ProviderCredit("Insufficient credit."))
    await answered(launcher)
    known = await catalog.generations.find(launched.generation.id)
    (image,) = await catalog.generations.images(launched.generation.id)

    assert known is not None
    assert (known.status, known.error_code) == (JobStatus.FAILED, "provider_credit")
    assert (image.status, image.reason) == (ImageStatus.REJECTED, "provider_credit")


async def test_the_key_of_a_broken_promise_may_be_used_again(launcher: Launcher, provider: FakeProvider) -> None:
    first = await launcher.launch(NO_WAIT, idempotency_key=KEY)
    provider.answer.set_exception(ProviderThrottled("Slow down."))
    await answered(launcher)
    provider.answer = asyncio.get_running_loop().create_future()
    second = await launcher.launch(NO_WAIT, idempotency_key=KEY)

    assert second.generation.id != first.generation.id
    assert provider.creates == 2


async def test_duplicates_join_the_call_that_is_under_way(launcher: Launcher, provider: FakeProvider) -> None:
    provider.answer.set_exception(ProviderCredit("Insufficient credit."))
    both = (launcher.launch(NO_WAIT, idempotency_key=KEY), launcher.launch(NO_WAIT, idempotency_key=KEY))
    outcomes = await asyncio.gather(*both, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [ProviderCredit, ProviderCredit]


async def test_a_job_whose_generation_was_canceled_meanwhile_is_called_off(
    launcher: Launcher, jobs: JobService, provider: FakeProvider
) -> None:
    launched = await launcher.launch(NO_WAIT, idempotency_key=None)
    await jobs.cancel(launched.generation)
    provider.answer.set_result(a_job())
    await answered(launcher)

    assert provider.canceled == ["job-1"]
    assert (await jobs.find(launched.generation.id)).status is JobStatus.CANCELED


async def test_a_job_whose_owner_was_erased_meanwhile_is_called_off_and_leaves_nothing(
    launcher: Launcher, catalog: Catalog, provider: FakeProvider, clock: FakeClock
) -> None:
    await launcher.launch(NO_WAIT, idempotency_key=None)
    await catalog.images.forget_owner(ANA, at=clock())
    provider.answer.set_result(a_job(outputs=("https://replicate.delivery/a.png",)))
    await answered(launcher)

    assert provider.canceled == ["job-1"]
    assert await catalog.images.page(ANA, after=None, limit=10) == []


async def test_a_lost_answer_is_no_failure_once_its_webhook_was_heard(
    launcher: Launcher, jobs: JobService, provider: FakeProvider
) -> None:
    launched = await launcher.launch(NO_WAIT, idempotency_key=None)
    await jobs.hear(a_job(status=JobStatus.PROCESSING), of=launched.generation.id)
    provider.answer.set_exception(ProviderAnswerLost("cut off"))
    await answered(launcher)

    assert (await jobs.find(launched.generation.id)).status is JobStatus.PROCESSING


async def test_a_job_is_found_for_whoever_asks_while_its_call_is_under_way(
    launcher: Launcher, provider: FakeProvider
) -> None:
    launched = await launcher.launch(NO_WAIT, idempotency_key=None)
    asyncio.get_running_loop().call_soon(provider.answer.set_result, a_job())
    found = await launcher.find_job(launched.generation)

    assert found.job_id == "job-1"


async def test_a_stop_drops_the_call_and_leaves_the_generation_open(
    launcher: Launcher, catalog: Catalog, clock: FakeClock
) -> None:
    launched = await launcher.launch(NO_WAIT, idempotency_key=None)
    await launcher.stop(timedelta())
    orphans = await catalog.generations.orphans(before=clock() + timedelta(seconds=1))

    assert [orphan.id for orphan in orphans] == [launched.generation.id]
    assert launcher._calls == {}


async def test_a_refused_generation_leaves_no_trace(
    launcher: Launcher, catalog: Catalog, provider: FakeProvider, clock: FakeClock
) -> None:
    provider.answer.set_exception(ProviderCredit("Insufficient credit."))
    with pytest.raises(ProviderCredit):
        await launcher.launch(NO_WAIT, idempotency_key=KEY)

    assert await catalog.generations.orphans(before=clock() + timedelta(seconds=1)) == []


async def test_a_generation_nobody_knows_any_more_is_not_found(jobs: JobService, ids: IdFactory) -> None:
    with pytest.raises(NotFound):
        await jobs.find(ids.generation())


async def test_the_catalog_knows_before_the_provider_is_called(
    launcher: Launcher, catalog: Catalog, provider: FakeProvider, preparation: Slow
) -> None:
    preparation.is_slow = True
    launched = await launcher.launch(NO_WAIT, idempotency_key=None)
    known = await catalog.generations.find(launched.generation.id)
    assert known is not None
    assert (known.is_prepared, provider.creates) == (False, 0)

    preparation.done.set()
    provider.answer.set_result(a_job())
    await answered(launcher)
    known = await catalog.generations.find(launched.generation.id)
    assert known is not None
    assert (known.is_prepared, provider.creates) == (True, 1)


async def test_what_has_ended_meanwhile_is_not_started(
    launcher: Launcher, catalog: Catalog, provider: FakeProvider, preparation: Slow, jobs: JobService
) -> None:
    preparation.is_slow = True
    launched = await launcher.launch(NO_WAIT, idempotency_key=None)
    await jobs.cancel(launched.generation)
    preparation.done.set()
    await answered(launcher)
    known = await catalog.generations.find(launched.generation.id)

    assert known is not None
    assert (known.status, provider.creates) == (JobStatus.CANCELED, 0)
    assert preparation.released == [launched.generation.id]

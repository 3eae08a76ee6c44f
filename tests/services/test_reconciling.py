"""Whose job is it?  The provider's list is matched with the generations whose answer was lost."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.catalog import IdempotencyKey
from app.domain.errors import ProviderUnreachable
from app.domain.generations import Generation, JobStatus
from app.domain.ids import IdFactory
from app.services.jobs import JobService
from app.services.reconciling import Reconciler
from app.services.signals import Signals
from app.services.sources import Sources
from devkit.clock import FakeClock
from tests.support.doubles import Catalog, FakeProvider, a_generation, a_job

VERSION = "5" * 64
KEY = IdempotencyKey(key="k-1", operation="POST /v1/images/generate", request_sha256="0" * 64)


@pytest.fixture
def jobs(catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock) -> JobService:
    return JobService(
        generations=catalog.generations,
        providers=lambda _: provider,
        sources=Sources(downloader=None, ids=ids, clock=clock, deadline=timedelta(hours=1)),
        signals=Signals(monotonic=clock.monotonic),
        clock=clock,
        kick=lambda: None,
        lifetime=timedelta(hours=1),
    )


@pytest.fixture
async def orphan(catalog: Catalog, ids: IdFactory, clock: FakeClock) -> Generation:
    """A generation from before this process, whose answer nobody has heard."""
    generation = await catalog.generations.begin(a_generation(ids, clock()))
    clock.advance(1)
    return generation


@pytest.fixture
def reconciler(
    orphan: Generation, catalog: Catalog, provider: FakeProvider, jobs: JobService, clock: FakeClock
) -> Reconciler:
    return Reconciler(generations=catalog.generations, providers=lambda _: provider, jobs=jobs, clock=clock)


async def test_a_job_that_was_asked_for_the_same_is_found(
    reconciler: Reconciler, jobs: JobService, provider: FakeProvider, orphan: Generation
) -> None:
    provider.jobs["job-1"] = a_job(created_at=orphan.created_at)
    await reconciler.reconcile()

    assert (await jobs.find(orphan.id)).job_id == "job-1"


@pytest.mark.parametrize(
    "more",
    [
        {"input_sha256": "0" * 64},
        {"input_sha256": None},
        {"model": "acme/sculptor"},
        {"webhook": "https://other.example/v1/webhooks/replicate?generation=gen_00000000000000000000000000"},
    ],
    ids=["another input", "no input", "another model", "somebody else's webhook"],
)
async def test_a_job_that_is_another_is_left_alone(
    reconciler: Reconciler, jobs: JobService, provider: FakeProvider, orphan: Generation, more: dict[str, str]
) -> None:
    provider.jobs["job-1"] = a_job(created_at=orphan.created_at, **more)
    await reconciler.reconcile()

    assert (await jobs.find(orphan.id)).job_id is None


async def test_a_job_from_before_is_left_alone(
    reconciler: Reconciler, jobs: JobService, provider: FakeProvider, orphan: Generation
) -> None:
    provider.jobs["job-1"] = a_job(created_at=orphan.created_at - timedelta(minutes=2))
    await reconciler.reconcile()

    assert (await jobs.find(orphan.id)).job_id is None


async def test_a_job_that_names_its_generation_is_its_own_whatever_it_was_asked(
    reconciler: Reconciler, jobs: JobService, provider: FakeProvider, orphan: Generation
) -> None:
    webhook = f"https://here.example/v1/webhooks/replicate?generation={orphan.id}"
    provider.jobs["job-1"] = a_job(created_at=orphan.created_at, input_sha256=None, webhook=webhook)
    provider.jobs["job-2"] = a_job("job-2", created_at=orphan.created_at)
    await reconciler.reconcile()

    assert (await jobs.find(orphan.id)).job_id == "job-1"


@pytest.mark.parametrize(
    ("asked", "runs", "is_same"),
    [
        ({"model": None, "version": VERSION}, {"version": VERSION}, True),
        ({"model": None, "version": VERSION}, {"version": "6" * 64}, False),
        ({"model": None, "version": VERSION}, {"version": "hidden"}, True),
        ({"model": None, "version": f"acme/painter:{VERSION}"}, {"version": "6" * 64}, False),
        ({"model": None, "version": "acme/painter"}, {"version": "hidden"}, True),
        ({"model": "Acme/Painter"}, {}, True),
        ({"model": "deployments/acme/fast"}, {"model": "acme/painter"}, True),
    ],
    ids=["version", "other version", "hidden", "other version of it", "official", "case", "deployment"],
)
async def test_model_and_version_are_compared_where_both_are_named(
    reconciler: Reconciler,
    provider: FakeProvider,
    orphan: Generation,
    asked: dict[str, str],
    runs: dict[str, str],
    *,
    is_same: bool,
) -> None:
    provider.jobs["job-1"] = a_job(created_at=orphan.created_at, **runs)
    found = await reconciler.find_job(replace(orphan, **asked))

    assert (found is not None) is is_same


async def test_a_job_somebody_has_is_not_given_to_another(
    reconciler: Reconciler,
    catalog: Catalog,
    provider: FakeProvider,
    ids: IdFactory,
    orphan: Generation,
    clock: FakeClock,
) -> None:
    await catalog.generations.begin(a_generation(ids, clock(), job_id="job-1"))
    provider.jobs["job-1"] = a_job(created_at=orphan.created_at)

    assert await reconciler.find_job(orphan) is None


async def test_a_job_that_may_be_somebodys_who_still_waits_for_an_answer_is_left_alone(
    reconciler: Reconciler, provider: FakeProvider, ids: IdFactory, orphan: Generation, clock: FakeClock
) -> None:
    provider.jobs["job-1"] = a_job(created_at=orphan.created_at)
    with reconciler.hands_off(a_generation(ids, clock())):
        contested = await reconciler.find_job(orphan)

    assert contested is None
    assert await reconciler.find_job(orphan) is not None


async def test_a_young_generation_may_be_waiting_for_its_answer_elsewhere(
    reconciler: Reconciler,
    catalog: Catalog,
    provider: FakeProvider,
    jobs: JobService,
    ids: IdFactory,
    clock: FakeClock,
) -> None:
    young = await catalog.generations.begin(a_generation(ids, clock()))
    clock.advance(1)
    provider.jobs["a"], provider.jobs["b"] = a_job("a", created_at=clock()), a_job("b", created_at=clock())
    await reconciler.reconcile()
    before = await jobs.find(young.id)
    reconciler.note_lost(young.id)
    await reconciler.reconcile()

    assert before.job_id is None
    assert (await jobs.find(young.id)).job_id is not None


async def test_a_job_that_is_nowhere_is_given_up_after_a_while(
    reconciler: Reconciler, jobs: JobService, orphan: Generation, clock: FakeClock
) -> None:
    clock.advance(300)
    await reconciler.reconcile()
    patient = (await jobs.find(orphan.id)).status
    clock.advance(301)
    await reconciler.reconcile()

    assert patient is JobStatus.STARTING
    assert (await jobs.find(orphan.id)).error_code == "not_started"


async def test_a_list_that_cannot_be_had_gives_nobody_up(
    reconciler: Reconciler, jobs: JobService, provider: FakeProvider, orphan: Generation, clock: FakeClock
) -> None:
    def unreachable(_: object) -> None:
        raise ProviderUnreachable("down")

    provider.recent = unreachable  # type: ignore[assignment,method-assign]
    clock.advance(3600)
    await reconciler.reconcile()

    assert (await jobs.find(orphan.id)).status is JobStatus.STARTING


async def test_what_was_never_sent_ends_at_once_and_frees_its_key(
    reconciler: Reconciler, catalog: Catalog, jobs: JobService, provider: FakeProvider, ids: IdFactory, clock: FakeClock
) -> None:
    unsent = replace(a_generation(ids, clock() - timedelta(seconds=5)), is_prepared=False)
    await catalog.generations.begin(unsent, idempotency_key=KEY)
    provider.jobs["job-1"] = a_job(created_at=unsent.created_at)
    await reconciler.reconcile()
    ended = await jobs.find(unsent.id)

    assert (ended.status, ended.error_code, ended.job_id) == (JobStatus.FAILED, "not_started", None)
    assert (await catalog.generations.begin(a_generation(ids, clock()), idempotency_key=KEY)).id != unsent.id


async def test_what_is_being_prepared_by_another_process_is_let_be(
    orphan: Generation, catalog: Catalog, jobs: JobService, provider: FakeProvider, ids: IdFactory, clock: FakeClock
) -> None:
    fleet = Reconciler(
        generations=catalog.generations,
        providers=lambda _: provider,
        jobs=jobs,
        clock=clock,
        since=clock() - timedelta(hours=1),
    )
    unsent = await catalog.generations.begin(replace(a_generation(ids, clock()), is_prepared=False))
    clock.advance(60)
    await fleet.reconcile()
    assert (await jobs.find(unsent.id)).status is JobStatus.STARTING
    clock.advance(61)
    await fleet.reconcile()
    assert (await jobs.find(unsent.id)).error_code == "not_started"

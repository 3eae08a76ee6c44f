"""What is heard of a job, twice, late, or while the catalog is failing, ends in one state."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.adapters.catalog.generations import SqlGenerations
from app.domain.errors import InvalidInput, ProviderUnreachable, StorageFull
from app.domain.generations import Generation, Job, JobStatus
from app.domain.ids import IdFactory
from app.domain.images import ImageStatus
from app.domain.ports import Source
from app.services.jobs import JobService
from app.services.signals import Signals
from app.services.sources import Sources
from devkit.clock import FakeClock
from tests.support.doubles import ANA, Catalog, FakeProvider, a_generation, a_job

URL = "https://replicate.delivery/out-0.webp"


class FakeDownloader:
    """Admits https only."""

    def admit(self, text: str) -> Source:
        if not text.startswith("https:"):
            raise InvalidInput("no")
        return Source(text=text, is_data=False, extension="webp", fingerprint=f"{hash(text):x}")


class Failing:
    """A generation catalog whose next calls of some methods fail."""

    def __init__(self, inner: SqlGenerations, **failures: Exception) -> None:
        self._inner = inner
        self._failures = failures

    def __getattr__(self, name: str) -> Any:
        failure = self._failures.pop(name, None)
        if failure is None:
            return getattr(self._inner, name)

        async def fail(*_: object, **__: object) -> None:
            raise failure

        return fail


def jobs_over(generations: Any, provider: FakeProvider, ids: IdFactory, clock: FakeClock) -> JobService:
    return JobService(
        generations=generations,
        providers=lambda _: provider,
        sources=Sources(downloader=FakeDownloader(), ids=ids, clock=clock, deadline=timedelta(hours=1)),
        signals=Signals(monotonic=clock.monotonic),
        clock=clock,
        kick=lambda: None,
        lifetime=timedelta(hours=1),
    )


@pytest.fixture
def jobs(catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock) -> JobService:
    return jobs_over(catalog.generations, provider, ids, clock)


@pytest.fixture
async def begun(catalog: Catalog, ids: IdFactory, clock: FakeClock) -> Generation:
    return await catalog.generations.begin(a_generation(ids, clock()))


async def test_news_that_come_again_and_again_are_one_image(
    jobs: JobService, catalog: Catalog, begun: Generation
) -> None:
    done = a_job(status=JobStatus.SUCCEEDED, outputs=(URL,))
    for job in (a_job(), done, a_job(status=JobStatus.PROCESSING), done, a_job(status=JobStatus.FAILED)):
        await jobs.hear(job, of=begun.id)
    images = await catalog.generations.images(begun.id)

    assert (await jobs.find(begun.id)).status is JobStatus.SUCCEEDED
    assert [image.id for image in images] == [begun.first_image]
    assert (await catalog.captures.backlog()).open == 1


async def test_news_are_heard_while_the_jobs_id_is_being_written(
    catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock, begun: Generation
) -> None:
    class Racing(SqlGenerations):
        """Its job's id is written just after somebody has asked whose it is."""

        async def find_job(self, provider: str, job_id: str) -> list[Generation]:
            found = await super().find_job(provider, job_id)
            await self.update(begun.id, status=JobStatus.STARTING, job_id=job_id, at=clock())
            return found

    jobs = jobs_over(Racing(catalog.generations._database), provider, ids, clock)
    is_ours = await jobs.hear(a_job(status=JobStatus.SUCCEEDED, outputs=(URL,)), of=begun.id)

    assert is_ours
    assert (await jobs.find(begun.id)).status is JobStatus.SUCCEEDED


async def test_a_job_two_owners_have_is_heard_by_both(
    jobs: JobService, catalog: Catalog, ids: IdFactory, clock: FakeClock, begun: Generation
) -> None:
    adopted = await catalog.generations.begin(a_generation(ids, clock(), job_id="job-1"))
    await jobs.hear(a_job(status=JobStatus.PROCESSING), of=None)
    is_ours = await jobs.hear(a_job("job-2", status=JobStatus.PROCESSING), of=begun.id)

    assert is_ours
    assert (await jobs.find(adopted.id)).job_id == "job-1"
    assert (await jobs.find(begun.id)).job_id == "job-2"


async def test_a_generation_with_a_job_is_given_no_other(jobs: JobService, begun: Generation) -> None:
    await jobs.hear(a_job(), of=begun.id)

    assert not await jobs.hear(a_job("job-2", status=JobStatus.FAILED), of=begun.id)
    assert (await jobs.find(begun.id)).status is JobStatus.STARTING


@pytest.mark.parametrize("step", ["add_outputs", "update"])
async def test_a_catalog_that_fails_in_the_middle_is_made_up_for_by_the_next_news(
    catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock, begun: Generation, step: str
) -> None:
    jobs = jobs_over(Failing(catalog.generations, **{step: StorageFull("full")}), provider, ids, clock)
    done = a_job(status=JobStatus.SUCCEEDED, outputs=(URL, URL + "?2"))
    with pytest.raises(StorageFull):
        await jobs.hear(done, of=begun.id)
    await jobs.hear(done, of=begun.id)

    assert (await jobs.find(begun.id)).status is JobStatus.SUCCEEDED
    assert len(await catalog.generations.images(begun.id)) == 2


async def test_one_poll_that_hangs_keeps_no_other(
    jobs: JobService, catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock
) -> None:
    hanging = await catalog.generations.begin(a_generation(ids, clock(), job_id="hanging"))
    quick = await catalog.generations.begin(a_generation(ids, clock(), job_id="quick"))
    provider.jobs["quick"] = a_job("quick", status=JobStatus.FAILED)
    released = asyncio.Event()

    async def hang(job_id: str) -> None:
        if job_id == "hanging":
            await released.wait()

    provider.on_get = hang
    polling = asyncio.create_task(jobs.poll_due())
    await jobs._signals.wait(
        quick.id, lambda: jobs.find(quick.id), done=lambda seen: seen.status.is_terminal, seconds=5
    )
    assert not (await jobs.find(hanging.id)).status.is_terminal
    released.set()
    await polling


async def test_one_poll_that_breaks_spoils_no_other(
    jobs: JobService, catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock
) -> None:
    await catalog.generations.begin(a_generation(ids, clock(), job_id="broken"))
    good = await catalog.generations.begin(a_generation(ids, clock(), job_id="good"))
    provider.jobs["good"] = a_job("good", status=JobStatus.FAILED)

    async def break_one(job_id: str) -> None:
        if job_id == "broken":
            raise RuntimeError("a bug")

    provider.on_get = break_one
    await jobs.poll_due()

    assert (await jobs.find(good.id)).status is JobStatus.FAILED


async def test_a_poll_takes_no_longer_than_one_has_patience(
    jobs: JobService, catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock
) -> None:
    generation = await catalog.generations.begin(a_generation(ids, clock(), job_id="job-1"))
    provider.on_get = lambda _: asyncio.Event().wait()

    assert await jobs.poll(generation, patience=timedelta(milliseconds=10)) is None


async def test_a_job_that_outlives_its_time_is_called_off(
    jobs: JobService, catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock
) -> None:
    generation = await catalog.generations.begin(a_generation(ids, clock(), job_id="job-1"))
    provider.jobs["job-1"] = a_job(status=JobStatus.PROCESSING)
    clock.advance(3601)
    await jobs.poll_due()

    assert provider.canceled == ["job-1"]
    assert (await jobs.find(generation.id)).status is JobStatus.CANCELED


async def test_a_job_nobody_can_be_asked_about_is_given_up_when_its_outputs_must_be_gone(
    jobs: JobService, catalog: Catalog, provider: FakeProvider, ids: IdFactory, clock: FakeClock
) -> None:
    generation = await catalog.generations.begin(a_generation(ids, clock(), job_id="job-1"))

    async def refuse(_: str, **__: object) -> Job:
        raise ProviderUnreachable("gone")

    provider.cancel = provider.get = refuse  # type: ignore[method-assign]
    clock.advance(3601)
    await jobs.poll_due()
    after_its_time = (await jobs.find(generation.id)).status
    clock.advance(3600)
    await jobs.poll_due()

    assert not after_its_time.is_terminal
    assert (await jobs.find(generation.id)).error_code == "generation_timeout"


async def test_an_output_that_is_not_allowed_is_an_intent_all_the_same(
    jobs: JobService, catalog: Catalog, begun: Generation
) -> None:
    await jobs.hear(a_job(status=JobStatus.SUCCEEDED, outputs=("http://evil.example/a.png",)), of=begun.id)
    (image,) = await catalog.images.page(ANA, after=None, limit=10)

    assert image.status is ImageStatus.CAPTURING
    assert image.url_extension == "png"

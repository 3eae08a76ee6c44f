"""What every catalog promises of forgetting: what goes is of no more use, and late news makes nothing twice."""

from datetime import timedelta

import pytest

from app.domain.generations import Generation, JobStatus
from app.domain.images import ImageStatus
from tests.contracts.catalog_generations import begun, end
from tests.support.catalog import ANA, NOW, SECOND, Catalog, a_generation, a_key, an_image, an_output, of_job

LATER = NOW + timedelta(days=400)


async def ended(catalog: Catalog, number: int = 1, status: JobStatus = JobStatus.FAILED) -> Generation:
    return await end(catalog, await begun(catalog, a_generation(number), job=f"job{number}"), status)


async def is_known(catalog: Catalog, generation: Generation) -> bool:
    return await catalog.generations.find(generation.id) is not None


class UpkeepContract:
    async def test_an_old_key_is_forgotten_and_a_younger_one_works(self, catalog: Catalog) -> None:
        old = await catalog.images.register(an_image("old"), idempotency_key=a_key("old"))
        young = await catalog.images.register(
            an_image("young", created_at=NOW + SECOND), idempotency_key=a_key("young")
        )

        assert await catalog.upkeep.forget_keys(before=NOW + SECOND) == 1
        again = await catalog.images.register(an_image("new"), idempotency_key=a_key("young"))
        assert again.image.id == young.image.id
        assert (await catalog.images.register(an_image("new"), idempotency_key=a_key("old"))).image.id != old.image.id

    async def test_a_source_without_its_key_is_still_the_same_source(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"), idempotency_key=a_key())
        await catalog.upkeep.forget_keys(before=LATER)

        again = await catalog.images.register(an_image("other", url="https://delivery.example/one.png"))

        assert (str(again.image.id), again.is_new) == ("one", False)

    async def test_the_key_of_a_generation_that_is_open_is_kept(self, catalog: Catalog) -> None:
        first = await catalog.generations.begin(a_generation(1), idempotency_key=a_key())

        assert await catalog.upkeep.forget_keys(before=LATER) == 0
        assert await catalog.generations.begin(a_generation(2), idempotency_key=a_key()) == first

    async def test_a_generation_that_came_to_nothing_long_ago_is_forgotten(self, catalog: Catalog) -> None:
        generation = await ended(catalog)

        assert await catalog.upkeep.forget_generations(before=NOW + SECOND) == 0
        assert await catalog.upkeep.forget_generations(before=NOW + 2 * SECOND) == 1
        assert not await is_known(catalog, generation)

    @pytest.mark.parametrize("job", ["job1", None], ids=["running", "without a job"])
    async def test_an_open_generation_is_kept(self, catalog: Catalog, job: str | None) -> None:
        generation = await begun(catalog, job=job)

        assert await catalog.upkeep.forget_generations(before=LATER) == 0
        assert await is_known(catalog, generation)

    async def test_one_that_was_given_up_and_has_turned_up_is_open(self, catalog: Catalog) -> None:
        generation = await end(
            catalog, await begun(catalog, job=None), JobStatus.FAILED, error_code="not_started", error="It never began."
        )
        await catalog.generations.update(generation.id, status=JobStatus.PROCESSING, job_id="job1", at=NOW)

        assert await catalog.upkeep.forget_generations(before=LATER) == 0

    async def test_late_news_of_a_job_with_images_makes_none_twice(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        made = await catalog.generations.add_outputs(generation.id, [an_output(generation, n) for n in (0, 1)])
        await catalog.images.mark_deleted(ANA, made[0].id, reason="user_request", at=NOW)
        await end(catalog, generation, JobStatus.SUCCEEDED)
        for forget in (catalog.upkeep.forget_keys, catalog.upkeep.forget_generations, catalog.upkeep.forget_captures):
            await forget(before=LATER)

        found = await catalog.generations.begin(a_generation(2, job_id="job1"))
        again = await catalog.generations.add_outputs(found.id, [an_output(found, n) for n in (0, 1)])

        assert found.id == generation.id
        assert [image.id for image in again] == [image.id for image in made]
        assert [image.status for image in again] == [ImageStatus.DELETED, ImageStatus.CAPTURING]

    async def test_a_broken_promise_keeps_its_generation(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.promise(generation.id, at=NOW)
        await end(catalog, generation, JobStatus.FAILED)

        assert await catalog.upkeep.forget_generations(before=LATER) == 0

    async def test_the_capture_of_a_deleted_image_is_forgotten(self, catalog: Catalog) -> None:
        image = await catalog.stored(an_image("one"))
        await catalog.images.mark_deleted(ANA, image.id, reason="user_request", at=NOW)

        assert await catalog.upkeep.forget_captures(before=NOW) == 0
        assert await catalog.upkeep.forget_captures(before=NOW + SECOND) == 1
        assert await catalog.upkeep.forget_captures(before=NOW + SECOND) == 0
        assert (await catalog.get("one")).status is ImageStatus.DELETED

    async def test_a_holder_whose_capture_was_forgotten_settles_nothing(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()
        await catalog.images.mark_deleted(ANA, capture.image, reason="user_request", at=NOW)
        await catalog.upkeep.forget_captures(before=LATER)

        assert not await catalog.captures.holds(capture)
        assert not await catalog.captures.settle_failed(capture, is_lost=True, reason="gone", detail="", at=NOW)
        assert (await catalog.get("one")).status is ImageStatus.DELETED

    async def test_whatever_may_be_captured_once_more_keeps_its_capture(self, catalog: Catalog) -> None:
        await catalog.lose_file(await catalog.stored(an_image("lost-file")))
        await catalog.ended(an_image("lost"))
        await catalog.ended(an_image("rejected"), is_lost=False)
        await catalog.stored(of_job("stored"))

        assert await catalog.upkeep.forget_captures(before=LATER) == 0
        for name in ("lost-file", "lost", "rejected"):
            await catalog.images.register(an_image(name))
        assert len(await catalog.claim()) == 3

    async def test_many_go_in_one_call(self, catalog: Catalog) -> None:
        for number in range(450):
            await catalog.images.register(an_image("one"), idempotency_key=a_key(f"k{number}"))

        assert await catalog.upkeep.forget_keys(before=LATER) == 450

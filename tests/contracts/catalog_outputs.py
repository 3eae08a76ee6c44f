"""What every catalog promises of outputs: one image each, whoever reports them first, and in whatever order."""

import asyncio
from itertools import permutations

import pytest

from app.domain.generations import Generation, JobStatus
from app.domain.ids import ImageId
from app.domain.images import ImageSource, ImageStatus
from tests.contracts.catalog_generations import begun, end
from tests.support.catalog import ANA, BOB, NOW, Catalog, a_generation, an_image, an_output, of_job

URL = "https://delivery.example/job1/0.png"


async def names(catalog: Catalog, generation: Generation) -> list[str]:
    return [str(image.id) for image in await catalog.generations.images(generation.id)]


class OutputContract:
    async def test_outputs_become_images_in_their_order(self, catalog: Catalog) -> None:
        generation = await begun(catalog)

        images = await catalog.generations.add_outputs(generation.id, [an_output(generation, n) for n in (0, 1, 2)])

        assert [str(image.id) for image in images] == ["first1", "first1-1", "first1-2"]
        assert images == await catalog.generations.images(generation.id)
        assert {image.source for image in images} == {ImageSource.GENERATED}
        assert len(await catalog.claim()) == 3

    async def test_adding_outputs_twice_is_adding_them_once(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        first = await catalog.generations.add_outputs(generation.id, [an_output(generation, n) for n in (0, 1)])

        again = [an_output(generation, n, name=f"again{n}", url=f"https://new.example/{n}") for n in (0, 1)]

        assert await catalog.generations.add_outputs(generation.id, again) == first
        assert len(await catalog.changes(ANA)) == 2

    async def test_reports_at_once_make_each_image_once(self, catalog: Catalog) -> None:
        generation = await begun(catalog)

        await asyncio.gather(
            *(
                catalog.generations.add_outputs(
                    generation.id, [an_output(generation, n, name=None if n == 0 else f"r{report}-{n}") for n in (0, 1)]
                )
                for report in range(8)
            ),
            *(catalog.generations.promise(generation.id, at=NOW) for _ in range(4)),
            *(catalog.images.register(of_job(f"own{n}")) for n in range(4)),
        )

        assert len(await catalog.images.page(ANA, after=None, limit=50)) == 2
        assert len(await catalog.claim()) == 2

    async def test_a_later_report_may_bring_more(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        await catalog.generations.add_outputs(generation.id, [an_output(generation, n) for n in (0, 1)])

        assert await names(catalog, generation) == ["first1", "first1-1"]

    async def test_one_address_twice_in_a_job_is_two_images(self, catalog: Catalog) -> None:
        generation = await begun(catalog)

        await catalog.generations.add_outputs(generation.id, [an_output(generation, n, url=URL) for n in (0, 1)])

        assert await names(catalog, generation) == ["first1", "first1-1"]
        assert len(await catalog.claim()) == 2

    async def test_one_address_twice_is_two_images_even_if_one_was_imported(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("mine", url=URL))
        generation = await begun(catalog)

        await catalog.generations.add_outputs(generation.id, [an_output(generation, n, url=URL) for n in (0, 1)])

        assert await names(catalog, generation) == ["mine", "first1-1"]

    async def test_jobs_that_made_the_same_address_have_an_image_each(self, catalog: Catalog) -> None:
        first, second = await begun(catalog), await begun(catalog, a_generation(2), job="job2")
        await catalog.generations.add_outputs(first.id, [an_output(first, url=URL)])

        await catalog.generations.add_outputs(second.id, [an_output(second, url=URL, job="job2")])

        assert (await names(catalog, first), await names(catalog, second)) == (["first1"], ["first2"])

    async def test_owners_of_one_job_have_an_image_each(self, catalog: Catalog) -> None:
        hers = await begun(catalog, a_generation(1, job_id="job1"))
        his = await begun(catalog, a_generation(2, job_id="job1", user=BOB))

        for generation in (hers, his):
            await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert (await names(catalog, hers), await names(catalog, his)) == (["first1"], ["first2"])

    async def test_two_intents_of_one_owner_for_one_job_have_an_image_each(self, catalog: Catalog) -> None:
        first, second = await begun(catalog), await begun(catalog, a_generation(2))

        for generation in (first, second):
            await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert (await names(catalog, first), await names(catalog, second)) == (["first1"], ["first2"])

    async def test_a_deleted_output_does_not_come_back(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.add_outputs(generation.id, [an_output(generation, n) for n in (0, 1)])
        for name in ("first1", "first1-1"):
            await catalog.images.mark_deleted(ANA, ImageId(name), reason="user_request", at=NOW)

        again = await catalog.generations.add_outputs(generation.id, [an_output(generation, n) for n in (0, 1)])

        assert [image.status for image in again] == [ImageStatus.DELETED] * 2
        assert await catalog.claim() == []


class FulfilmentContract:
    async def test_outputs_fill_a_promise(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        promised = await catalog.generations.promise(generation.id, at=NOW)

        (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert promised is not None
        assert (image.id, image.is_promised, image.origin.source_url) == (promised.id, False, URL)
        assert [capture.fetch_from for capture in await catalog.claim()] == [URL]

    async def test_a_promise_after_the_outputs_is_their_first_image(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        outputs = [an_output(generation, n) for n in (0, 1)]
        first, _ = await catalog.generations.add_outputs(generation.id, outputs)

        assert await catalog.generations.promise(generation.id, at=NOW) == first

    async def test_outputs_that_come_after_all_fill_a_broken_promise(self, catalog: Catalog) -> None:
        generation = await begun(catalog, job=None)
        await catalog.generations.promise(generation.id, at=NOW)
        await end(catalog, generation, JobStatus.FAILED, error_code="not_started")

        (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert (image.status, image.reason, image.ended_at) == (ImageStatus.CAPTURING, None, None)
        assert (await catalog.settled()).status is ImageStatus.STORED

    async def test_a_deleted_promise_is_not_filled(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.promise(generation.id, at=NOW)
        await catalog.images.mark_deleted(ANA, generation.first_image, reason="user_request", at=NOW)

        (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert image.status is ImageStatus.DELETED
        assert await catalog.claim() == []

    async def test_the_apps_own_import_fills_a_promise(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.promise(generation.id, at=NOW)

        registered = await catalog.images.register(of_job("own"))
        await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert (registered.image.id, registered.is_new) == (generation.first_image, True)
        assert await names(catalog, generation) == ["first1"]
        assert len(await catalog.claim()) == 1

    async def test_an_import_that_failed_is_not_promised(self, catalog: Catalog) -> None:
        await catalog.ended(of_job("own"))
        generation = await begun(catalog)

        promised = await catalog.generations.promise(generation.id, at=NOW)
        (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert promised is not None
        assert promised.id == image.id == generation.first_image
        assert [str(capture.image) for capture in await catalog.claim()] == ["first1"]

    async def test_an_import_of_another_output_fills_no_promise(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.promise(generation.id, at=NOW)

        registered = await catalog.images.register(of_job("own", index=1))

        assert str(registered.image.id) == "own"

    async def test_an_import_fills_no_promise_of_another_owner(self, catalog: Catalog) -> None:
        his = await begun(catalog, a_generation(user=BOB))
        await catalog.generations.promise(his.id, at=NOW)

        registered = await catalog.images.register(of_job("hers"))

        assert (registered.image.user, str(registered.image.id)) == (ANA, "hers")
        assert (await catalog.get(his.first_image, BOB)).is_promised

    async def test_two_urls_that_were_handed_out_for_one_output_both_get_it(self, catalog: Catalog) -> None:
        generation = await begun(catalog, job=None)
        await catalog.generations.promise(generation.id, at=NOW)
        await catalog.images.register(of_job("own"))  # nobody knows yet that this is our job

        (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert image.id == generation.first_image
        assert {str(capture.image) for capture in await catalog.claim()} == {"own", "first1"}

    async def test_any_order_of_the_news_ends_in_the_same(self, catalog: Catalog) -> None:
        for number, order in enumerate(permutations("poue"), start=1):
            job = f"job{number}"
            generation = await begun(catalog, a_generation(number), job=job)
            steps = {
                "p": lambda of=generation: catalog.generations.promise(of.id, at=NOW),
                "o": lambda of=generation, job=job: catalog.generations.add_outputs(of.id, [an_output(of, job=job)]),
                "u": lambda job=job: catalog.images.register(of_job(f"own-{job}", job)),
                "e": lambda of=generation: end(catalog, of, JobStatus.SUCCEEDED),
            }
            for step in order:
                await steps[step]()

            (image,) = await catalog.generations.images(generation.id)
            assert (image.status, image.is_promised) == (ImageStatus.CAPTURING, False)
            assert [str(capture.image) for capture in await catalog.claim()] == [str(image.id)]


class AdoptionContract:
    @pytest.mark.parametrize("make", [an_image, of_job], ids=["by its address", "by its job"])
    async def test_an_image_the_app_imported_before_is_the_output(self, catalog: Catalog, make) -> None:  # noqa: ANN001 (a builder)
        before = await catalog.stored(make("mine", url=URL))
        generation = await begun(catalog)

        (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert (image.id, image.status, image.digest) == (before.id, ImageStatus.STORED, before.digest)
        assert (image.origin.generation, image.origin.output_index) == (generation.id, 0)
        assert image.metadata == before.metadata
        assert await catalog.claim() == []

    async def test_an_import_that_had_failed_is_captured_again(self, catalog: Catalog) -> None:
        await catalog.ended(an_image("mine", url=URL))
        generation = await begun(catalog)

        (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert (str(image.id), image.status) == ("mine", ImageStatus.CAPTURING)
        assert [str(capture.image) for capture in await catalog.claim()] == ["mine"]

    async def test_an_output_is_found_by_whoever_imports_it_later(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        by_job = await catalog.images.register(of_job("own", url="https://other.example/"))
        by_address = await catalog.images.register(an_image("own", url=URL))

        assert {str(by_job.image.id), str(by_address.image.id)} == {"first1"}

    async def test_another_owners_import_is_not_adopted(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("his", user=BOB, url=URL))
        generation = await begun(catalog)

        await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert await names(catalog, generation) == ["first1"]

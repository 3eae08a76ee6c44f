"""What every catalog promises of late news: what was deleted is known again, who was erased gets nothing back."""

import pytest

from app.domain.errors import Conflict, NotFound
from app.domain.ids import ImageId
from app.domain.images import ImageStatus, Origin
from tests.contracts.catalog_generations import begun
from tests.support.catalog import (
    ANA,
    BOB,
    NOW,
    SECOND,
    Catalog,
    a_generation,
    a_key,
    an_image,
    an_output,
    an_upload,
    of_job,
)
from tests.support.conversations import a_turn, stream_id

URL = "https://delivery.example/job1/0.png"


async def bury(catalog: Catalog, image: str = "mine") -> None:
    await catalog.images.mark_deleted(ANA, ImageId(image), reason="user_request", at=NOW)
    await catalog.images.mark_unlinked(ANA, ImageId(image))


class DeletedImportContract:
    @pytest.mark.parametrize(
        "made",
        [
            pytest.param(an_image("mine", url=URL), id="by its address"),
            pytest.param(of_job("mine", url="https://other.example/"), id="by its job"),
        ],
    )
    async def test_a_deleted_import_stays_deleted_as_the_output_it_was(self, catalog: Catalog, made) -> None:  # noqa: ANN001 (an intent)
        await catalog.images.register(made)
        await bury(catalog)
        generation = await begun(catalog)

        for _ in range(2):
            (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert (str(image.id), image.status, image.reason) == ("mine", ImageStatus.DELETED, "user_request")
        assert image.origin == Origin(output_index=0, generation=generation.id)
        assert await catalog.claim() == []

    async def test_no_url_is_promised_for_an_output_that_was_deleted(self, catalog: Catalog) -> None:
        await catalog.images.register(of_job("mine"))
        await bury(catalog)
        generation = await begun(catalog)

        promised = await catalog.generations.promise(generation.id, at=NOW)
        (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert promised == image
        assert (str(image.id), image.status) == ("mine", ImageStatus.DELETED)

    async def test_one_that_was_imported_again_is_the_output(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("mine", url=URL))
        await bury(catalog)
        again = await catalog.images.register(an_image("again", url=URL))
        generation = await begun(catalog)

        (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert again.is_new
        assert (str(image.id), image.status) == ("again", ImageStatus.CAPTURING)

    async def test_other_outputs_and_other_owners_are_not_touched(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("mine", url=URL))
        await bury(catalog)
        ours, theirs = await begun(catalog), await begun(catalog, a_generation(2, user=BOB))

        (_, second) = await catalog.generations.add_outputs(ours.id, [an_output(ours, n) for n in (0, 1)])
        (other,) = await catalog.generations.add_outputs(theirs.id, [an_output(theirs)])

        assert (second.status, other.status) == (ImageStatus.CAPTURING,) * 2

    async def test_a_picture_that_is_made_again_is_another_one(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("mine", url=URL, origin=Origin()))  # a data URI, which is the picture
        await bury(catalog)
        first = await begun(catalog)
        made = await catalog.generations.add_outputs(first.id, [an_output(first)])
        await bury(catalog, str(first.first_image))
        second = await begun(catalog, a_generation(2), job="job2")
        made += await catalog.generations.add_outputs(second.id, [an_output(second, job="job2", url=URL)])

        assert [str(image.id) for image in made] == ["first1", "first2"]
        assert made[1].status is ImageStatus.CAPTURING


class ErasureContract:
    async def test_a_job_from_before_an_erasure_is_not_adopted(self, catalog: Catalog) -> None:
        await catalog.images.forget_owner(ANA, at=NOW)

        for made_at in (NOW - SECOND, NOW, None):
            assert await catalog.generations.adopt(a_generation(job_id="job1"), made_at=made_at) is None
        assert await catalog.generations.find_job("replicate", "job1") == []

    async def test_a_younger_job_is_adopted_once(self, catalog: Catalog) -> None:
        await catalog.images.forget_owner(ANA, at=NOW)

        first = await catalog.generations.adopt(a_generation(1, job_id="job1"), made_at=NOW + SECOND)

        assert first == a_generation(1, job_id="job1")
        assert await catalog.generations.adopt(a_generation(2, job_id="job1"), made_at=NOW + SECOND) == first

    async def test_the_last_erasure_counts(self, catalog: Catalog) -> None:
        for at in (NOW, NOW + 2 * SECOND):
            await catalog.images.forget_owner(ANA, at=at)

        assert await catalog.generations.adopt(a_generation(job_id="job1"), made_at=NOW + SECOND) is None

    async def test_what_began_to_arrive_before_an_erasure_is_refused(self, catalog: Catalog) -> None:
        await catalog.images.forget_owner(ANA, at=NOW)
        with pytest.raises(Conflict):
            await catalog.images.add(an_upload(created_at=NOW - SECOND))

        assert await catalog.images.find(ANA, ImageId("one")) is None
        assert (await catalog.images.add(an_upload(created_at=NOW))).is_new
        assert (await catalog.images.add(an_upload(user=BOB, created_at=NOW - SECOND))).is_new

    async def test_what_was_asked_before_an_erasure_is_refused(self, catalog: Catalog) -> None:
        await catalog.images.forget_owner(ANA, at=NOW)
        with pytest.raises(NotFound):
            await catalog.conversations.begin(a_turn(asked_at=NOW - SECOND), idempotency_key=a_key())

        assert await catalog.conversations.sessions(ANA, after=None, limit=9) == []
        assert await catalog.conversations.begin(a_turn(asked_at=NOW), idempotency_key=a_key()) == stream_id()

    async def test_nobody_else_is_erased(self, catalog: Catalog) -> None:
        await catalog.images.forget_owner(ANA, at=NOW)

        assert await catalog.generations.adopt(a_generation(user=BOB, job_id="job1"), made_at=None)

    async def test_the_tombstones_of_an_erased_owner_know_no_source(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("mine", url=URL))
        await bury(catalog)
        await catalog.images.forget_owner(ANA, at=NOW)
        generation = await begun(catalog)

        (image,) = await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        assert str(image.id) == "first1"

    async def test_an_erasure_is_forgotten_in_its_time(self, catalog: Catalog) -> None:
        await catalog.images.forget_owner(ANA, at=NOW)

        assert await catalog.upkeep.forget_erasures(before=NOW) == 0
        assert await catalog.upkeep.forget_erasures(before=NOW + SECOND) == 1
        assert await catalog.generations.adopt(a_generation(job_id="job1"), made_at=NOW - SECOND)

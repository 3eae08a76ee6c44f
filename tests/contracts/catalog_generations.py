"""What every catalog promises of generations: the intent, its end, and who is polled when."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.errors import IdempotencyKeyReused, NotFound
from app.domain.generations import Generation, JobStatus
from app.domain.ids import ImageId
from app.domain.images import ImageStatus
from tests.support.catalog import ANA, BOB, NOW, SECOND, Catalog, a_generation, a_key, an_output


async def begun(catalog: Catalog, generation: Generation | None = None, *, job: str | None = "job1") -> Generation:
    """Begin a generation and note its job, as after a provider's first answer."""
    made = await catalog.generations.begin(generation or a_generation())
    if job is None:
        return made
    return await catalog.generations.update(made.id, status=JobStatus.PROCESSING, job_id=job, at=NOW)


async def end(catalog: Catalog, generation: Generation, status: JobStatus, **more: Any) -> Generation:
    return await catalog.generations.update(generation.id, status=status, job_id=None, at=NOW + SECOND, **more)


class BeginContract:
    async def test_an_intent_is_found_as_it_was_begun(self, catalog: Catalog) -> None:
        generation = a_generation(version="v1", input_sha256="b" * 64, metadata={"lone": "\ud800", "n": [1.5]})

        assert await catalog.generations.begin(generation) == generation
        assert await catalog.generations.find(generation.id) == generation

    async def test_a_generation_nobody_began_is_none(self, catalog: Catalog) -> None:
        assert await catalog.generations.find(a_generation().id) is None

    async def test_a_repeated_idempotency_key_finds_its_generation(self, catalog: Catalog) -> None:
        first = await catalog.generations.begin(a_generation(1), idempotency_key=a_key())

        assert await catalog.generations.begin(a_generation(2), idempotency_key=a_key()) == first
        assert await catalog.generations.find(a_generation(2).id) is None

    async def test_an_idempotency_key_stands_for_one_request(self, catalog: Catalog) -> None:
        await catalog.generations.begin(a_generation(1), idempotency_key=a_key())

        with pytest.raises(IdempotencyKeyReused):
            await catalog.generations.begin(a_generation(2), idempotency_key=a_key(request="1"))

    async def test_a_job_is_begun_once_for_each_owner(self, catalog: Catalog) -> None:
        first = await catalog.generations.begin(a_generation(1, job_id="job1"))

        assert (await catalog.generations.begin(a_generation(2, job_id="job1"))).id == first.id
        assert (await catalog.generations.begin(a_generation(3, job_id="job1", user=BOB))).id != first.id
        assert len(await catalog.generations.find_job("replicate", "job1")) == 2

    async def test_of_many_who_begin_one_job_at_once_one_does(self, catalog: Catalog) -> None:
        made = await asyncio.gather(
            *(catalog.generations.begin(a_generation(number, job_id="job1")) for number in range(10))
        )

        assert len({generation.id for generation in made}) == 1

    async def test_of_many_with_one_idempotency_key_at_once_one_begins(self, catalog: Catalog) -> None:
        made = await asyncio.gather(
            *(catalog.generations.begin(a_generation(number), idempotency_key=a_key()) for number in range(10))
        )

        assert len({generation.id for generation in made}) == 1

    async def test_intents_without_a_job_are_all_different(self, catalog: Catalog) -> None:
        await catalog.generations.begin(a_generation(1))

        assert await catalog.generations.begin(a_generation(2)) == a_generation(2)

    async def test_that_the_provider_is_called_is_recorded_first(self, catalog: Catalog) -> None:
        intent = await catalog.generations.begin(a_generation(is_prepared=False))

        assert await catalog.generations.mark_prepared(intent.id)
        assert await catalog.generations.find(intent.id) == replace(intent, is_prepared=True)

    async def test_what_has_ended_is_not_to_be_called_for(self, catalog: Catalog) -> None:
        intent = await catalog.generations.begin(a_generation(is_prepared=False))
        await end(catalog, intent, JobStatus.CANCELED)

        assert not await catalog.generations.mark_prepared(intent.id)
        assert not await catalog.generations.mark_prepared(a_generation(2).id)


class UpdateContract:
    async def test_a_job_id_once_known_stays(self, catalog: Catalog) -> None:
        generation = await begun(catalog)

        updated = await catalog.generations.update(
            generation.id, status=JobStatus.PROCESSING, job_id=None, at=NOW + SECOND
        )

        assert (updated.job_id, updated.status) == ("job1", JobStatus.PROCESSING)

    async def test_an_end_says_when_and_why_and_is_polled_no_more(self, catalog: Catalog) -> None:
        generation = await begun(catalog)

        ended = await end(
            catalog, generation, JobStatus.FAILED, error="Too \ud800 hot.", error_code="generation_failed"
        )

        assert (ended.status, ended.completed_at, ended.next_poll_at) == (JobStatus.FAILED, NOW + SECOND, None)
        assert (ended.error, ended.error_code) == ("Too \ufffd hot.", "generation_failed")
        assert await catalog.generations.find(generation.id) == ended

    async def test_what_has_ended_stays_as_it_ended(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        ended = await end(catalog, generation, JobStatus.SUCCEEDED)

        for status in (JobStatus.PROCESSING, JobStatus.FAILED):
            assert await end(catalog, generation, status, error="late", error_code="late") == ended

    async def test_two_intents_of_one_owner_do_not_fight_for_a_job(self, catalog: Catalog) -> None:
        first = await begun(catalog, a_generation(1))
        second = await begun(catalog, a_generation(2))

        assert (first.job_id, second.job_id) == ("job1", None)
        assert (await end(catalog, second, JobStatus.SUCCEEDED)).status is JobStatus.SUCCEEDED

    async def test_forgetting_removes_an_intent_and_frees_its_key(self, catalog: Catalog) -> None:
        generation = await catalog.generations.begin(a_generation(1), idempotency_key=a_key())

        await catalog.generations.forget(generation.id)

        assert await catalog.generations.find(generation.id) is None
        again = await catalog.generations.begin(a_generation(2), idempotency_key=a_key(request="1"))
        assert again == a_generation(2)

    async def test_what_was_promised_is_not_forgotten(self, catalog: Catalog) -> None:
        generation = await catalog.generations.begin(a_generation(), idempotency_key=a_key())
        await catalog.generations.promise(generation.id, at=NOW)

        await catalog.generations.forget(generation.id)

        assert await catalog.generations.find(generation.id) == generation
        assert (await catalog.generations.begin(a_generation(2), idempotency_key=a_key())).id == generation.id

    async def test_forgetting_what_nobody_began_is_fine(self, catalog: Catalog) -> None:
        await catalog.generations.forget(a_generation().id)

    async def test_a_released_key_can_begin_another_generation(self, catalog: Catalog) -> None:
        first = await catalog.generations.begin(a_generation(1), idempotency_key=a_key())

        await catalog.generations.release_key(first.id)

        assert await catalog.generations.begin(a_generation(2), idempotency_key=a_key()) == a_generation(2)
        assert await catalog.generations.find(first.id) == first

    async def test_a_forgotten_generation_takes_nothing_more(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.promise(generation.id, at=NOW)
        await catalog.images.mark_deleted(ANA, generation.first_image, reason="user_erased", at=NOW)
        await catalog.images.forget_owner(ANA, at=NOW)

        for late in (
            catalog.generations.add_outputs(generation.id, [an_output(generation, 1)]),
            catalog.generations.promise(generation.id, at=NOW),
            catalog.generations.release_key(generation.id),
            end(catalog, generation, JobStatus.SUCCEEDED),
        ):
            with pytest.raises(NotFound):
                await late
        assert await catalog.images.page(ANA, after=None, limit=10) == []
        assert not await catalog.generations.postpone(generation, until=NOW)

    async def test_forgetting_an_owner_leaves_other_owners_generations(self, catalog: Catalog) -> None:
        his = await catalog.generations.begin(a_generation(2, user=BOB))

        await catalog.images.forget_owner(ANA, at=NOW)

        assert await catalog.generations.find(his.id) == his


class PollContract:
    async def test_an_open_generation_is_due_at_its_time(self, catalog: Catalog) -> None:
        generation = await begun(catalog)

        assert await catalog.generations.due(now=NOW + SECOND, limit=10) == []
        assert await catalog.generations.due(now=NOW + 2 * SECOND, limit=10) == [generation]

    async def test_the_one_that_waits_longest_is_first(self, catalog: Catalog) -> None:
        for number, seconds in ((1, 3), (2, 1), (3, 2)):
            made = a_generation(number, next_poll_at=NOW + seconds * SECOND)
            await begun(catalog, made, job=f"job{number}")

        due = await catalog.generations.due(now=NOW + 9 * SECOND, limit=2)

        assert [generation.job_id for generation in due] == ["job2", "job3"]

    async def test_neither_an_ended_one_nor_one_without_a_job_is_due(self, catalog: Catalog) -> None:
        await begun(catalog, a_generation(1), job=None)
        await end(catalog, await begun(catalog, a_generation(2), job="job2"), JobStatus.CANCELED)

        assert await catalog.generations.due(now=NOW + timedelta(days=1), limit=10) == []

    async def test_of_two_who_postpone_the_same_poll_one_does(self, catalog: Catalog) -> None:
        generation = await begun(catalog)

        done = await asyncio.gather(
            *(catalog.generations.postpone(generation, until=NOW + n * SECOND) for n in range(5, 15))
        )

        assert sum(done) == 1
        current = await catalog.generations.find(generation.id)
        assert current is not None
        assert current.polls == 1

    async def test_a_poll_that_was_never_set_can_be_postponed(self, catalog: Catalog) -> None:
        generation = await begun(catalog, a_generation(next_poll_at=None))

        assert await catalog.generations.postpone(generation, until=NOW)
        assert not await catalog.generations.postpone(generation, until=NOW)

    async def test_an_ended_generation_is_not_postponed(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await end(catalog, generation, JobStatus.SUCCEEDED)

        assert not await catalog.generations.postpone(generation, until=NOW)
        assert not await catalog.generations.postpone(replace(generation, next_poll_at=None), until=NOW)

    async def test_orphans_are_open_have_no_job_and_are_older(self, catalog: Catalog) -> None:
        orphan = await begun(catalog, a_generation(1), job=None)
        await begun(catalog, a_generation(2, created_at=NOW + SECOND), job=None)
        await begun(catalog, a_generation(3), job="job3")
        await end(catalog, await begun(catalog, a_generation(4), job=None), JobStatus.FAILED)

        assert await catalog.generations.orphans(before=NOW + SECOND) == [orphan]


class PromiseContract:
    async def test_a_promise_is_an_image_that_is_capturing_without_a_source(self, catalog: Catalog) -> None:
        generation = await begun(catalog)

        image = await catalog.generations.promise(generation.id, at=NOW)

        assert image is not None
        assert (image.id, image.status, image.is_promised) == (generation.first_image, ImageStatus.CAPTURING, True)
        assert (image.origin.generation, image.origin.job_id) == (generation.id, "job1")
        assert image.metadata == generation.metadata
        assert await catalog.claim() == []

    async def test_promising_twice_is_promising_once(self, catalog: Catalog) -> None:
        generation = await begun(catalog)

        made = await asyncio.gather(*(catalog.generations.promise(generation.id, at=NOW) for _ in range(5)))

        assert len({image.id for image in made if image}) == 1
        assert await catalog.changes(ANA) == [(1, "first1", "created")]

    async def test_nothing_is_promised_of_what_has_ended(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await end(catalog, generation, JobStatus.FAILED, error_code="generation_failed")

        assert await catalog.generations.promise(generation.id, at=NOW) is None
        assert await catalog.images.find(ANA, generation.first_image) is None

    @pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELED, JobStatus.SUCCEEDED])
    async def test_a_promise_without_outputs_is_broken_with_a_reason(self, catalog: Catalog, status: JobStatus) -> None:
        generation = await begun(catalog)
        await catalog.generations.promise(generation.id, at=NOW)

        await end(catalog, generation, status, error="Why not.", error_code="no_output")
        image = await catalog.get("first1")

        assert (image.status, image.reason, image.detail) == (ImageStatus.REJECTED, "no_output", "Why not.")
        assert not image.is_promised
        assert [kind for _, _, kind in await catalog.changes(ANA)] == ["created", "rejected"]

    async def test_an_end_after_the_outputs_breaks_nothing(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.promise(generation.id, at=NOW)
        await catalog.generations.add_outputs(generation.id, [an_output(generation)])

        await end(catalog, generation, JobStatus.FAILED, error_code="generation_failed")

        assert (await catalog.get("first1")).status is ImageStatus.CAPTURING

    async def test_a_deleted_promise_stays_deleted(self, catalog: Catalog) -> None:
        generation = await begun(catalog)
        await catalog.generations.promise(generation.id, at=NOW)
        await catalog.images.mark_deleted(ANA, ImageId("first1"), reason="user_request", at=NOW)

        await end(catalog, generation, JobStatus.FAILED, error_code="generation_failed")

        assert (await catalog.get("first1")).status is ImageStatus.DELETED

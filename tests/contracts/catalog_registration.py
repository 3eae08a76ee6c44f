"""What every catalog promises of the beginning of an image: one source, one image, whoever reports it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.errors import IdempotencyKeyReused, ImageIdTaken
from app.domain.ids import ImageId
from app.domain.images import ImageStatus
from tests.support.catalog import ANA, BOB, NOW, Catalog, a_key, an_image, of_job


class RegisterContract:
    async def test_a_new_image_is_capturing(self, catalog: Catalog) -> None:
        new = an_image(metadata={"prompt": "ein Bär 🐻", "nested": {"list": [1, 2.5, None, True]}, "lone": "\ud800"})

        registered = await catalog.images.register(new)

        assert registered.is_new
        assert registered.image.status is ImageStatus.CAPTURING
        assert not registered.image.is_promised
        assert registered.image.metadata == new.metadata
        assert registered.image.origin == new.origin
        assert await catalog.images.find(ANA, new.id) == registered.image

    async def test_the_same_address_is_the_same_image(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))

        again = await catalog.images.register(an_image("two", url="https://delivery.example/one.png"))

        assert (str(again.image.id), again.is_new) == ("one", False)
        assert await catalog.images.find(ANA, ImageId("two")) is None

    async def test_the_same_output_is_the_same_image_whatever_its_address(self, catalog: Catalog) -> None:
        await catalog.images.register(of_job("one"))

        again = await catalog.images.register(of_job("two", url="https://elsewhere.example/signed?x=2"))

        assert (str(again.image.id), again.is_new) == ("one", False)

    async def test_the_same_output_counts_more_than_the_same_address(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("by-address", url="https://delivery.example/job1/0.png"))
        await catalog.images.register(of_job("by-job", url="https://other.example/"))

        again = await catalog.images.register(of_job("new"))

        assert str(again.image.id) == "by-job"

    async def test_owners_do_not_share_images(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))

        his = await catalog.images.register(an_image("one", user=BOB))

        assert his.is_new
        assert (await catalog.images.usage(ANA)).capturing == 1

    async def test_an_id_of_another_source_is_taken(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))

        with pytest.raises(ImageIdTaken):
            await catalog.images.register(an_image("one", url="https://delivery.example/other.png"))

    async def test_an_id_with_the_source_it_has_is_found(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))

        assert not (await catalog.images.register(an_image("one"))).is_new

    async def test_an_id_of_another_source_is_taken_even_if_this_source_is_known(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        await catalog.images.register(an_image("two"))

        with pytest.raises(ImageIdTaken):
            await catalog.images.register(an_image("two", url="https://delivery.example/one.png"))

    async def test_the_id_of_a_deleted_image_is_taken_for_ever(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        await catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW)

        with pytest.raises(ImageIdTaken):
            await catalog.images.register(an_image("one"))

    async def test_a_deleted_source_can_be_hosted_again_under_another_id(self, catalog: Catalog) -> None:
        await catalog.images.register(of_job("one"))
        await catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW)

        assert (await catalog.images.register(of_job("two"))).is_new

    @pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "rejected"])
    async def test_what_failed_is_captured_again_under_its_old_id(self, catalog: Catalog, *, is_lost: bool) -> None:
        await catalog.ended(an_image("one"), is_lost=is_lost)

        again = await catalog.images.register(an_image("two", url="https://delivery.example/one.png"))

        assert (str(again.image.id), again.is_new, again.image.status) == ("one", True, ImageStatus.CAPTURING)
        assert (again.image.reason, again.image.detail, again.image.ended_at) == (None, None, None)
        assert [str(capture.image) for capture in await catalog.claim()] == ["one"]

    async def test_what_is_captured_again_begins_with_its_new_address_and_deadline(self, catalog: Catalog) -> None:
        await catalog.ended(of_job("one"))
        later = NOW + timedelta(hours=5)

        await catalog.images.register(of_job("two", url="https://new.example/", deadline=later, created_at=later))
        (capture,) = await catalog.claim(now=later)

        assert (capture.fetch_from, capture.deadline, capture.attempts) == ("https://new.example/", later, 1)

    async def test_a_repeated_idempotency_key_finds_its_image(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"), idempotency_key=a_key())

        again = await catalog.images.register(an_image("two"), idempotency_key=a_key())

        assert (str(again.image.id), again.is_new) == ("one", False)

    @pytest.mark.parametrize("other", [{"request": "1"}, {"operation": "generate"}], ids=["request", "operation"])
    async def test_an_idempotency_key_stands_for_one_request(self, catalog: Catalog, other: dict[str, str]) -> None:
        await catalog.images.register(an_image("one"), idempotency_key=a_key())

        with pytest.raises(IdempotencyKeyReused):
            await catalog.images.register(an_image("two"), idempotency_key=a_key(**other))

        assert await catalog.images.find(ANA, ImageId("two")) is None

    async def test_owners_do_not_share_idempotency_keys(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"), idempotency_key=a_key())

        assert (await catalog.images.register(an_image("one", user=BOB), idempotency_key=a_key(request="1"))).is_new

    async def test_repeating_a_request_does_not_bring_a_deleted_image_back(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"), idempotency_key=a_key())
        await catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW)

        again = await catalog.images.register(an_image("two"), idempotency_key=a_key())

        assert (str(again.image.id), again.is_new, again.image.status) == ("one", False, ImageStatus.DELETED)

    async def test_repeating_a_request_that_failed_tries_again(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"), idempotency_key=a_key())
        await catalog.ended(an_image("one"))

        again = await catalog.images.register(an_image("two"), idempotency_key=a_key())

        assert (str(again.image.id), again.is_new, again.image.status) == ("one", True, ImageStatus.CAPTURING)

    async def test_a_refused_registration_leaves_nothing(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        other = an_image("one", url="https://delivery.example/other.png")

        with pytest.raises(ImageIdTaken):
            await catalog.images.register(other, idempotency_key=a_key())

        assert (await catalog.images.register(replace(other, id=ImageId("two")), idempotency_key=a_key())).is_new

    async def test_fifty_registrations_of_one_source_at_once_make_one_image(self, catalog: Catalog) -> None:
        same = [an_image(f"try{number}", url="https://delivery.example/same.png") for number in range(50)]

        made = await asyncio.gather(*(catalog.images.register(new) for new in same))

        assert sum(registered.is_new for registered in made) == 1
        assert len({registered.image.id for registered in made}) == 1
        assert len(await catalog.claim(limit=100)) == 1

"""What every catalog promises of images that come without a capture, and of requests that are repeated."""

import asyncio

import pytest

from app.domain.errors import IdempotencyKeyReused, ImageIdTaken
from app.domain.ids import ImageId
from app.domain.images import ImageSource
from tests.support.catalog import ANA, BOB, NOW, SECOND, Catalog, a_key, an_image, an_upload


class UploadContract:
    async def test_an_upload_is_stored_as_it_is(self, catalog: Catalog) -> None:
        added = await catalog.images.add(an_upload())

        assert added.is_new
        assert added.image == an_upload() == await catalog.get("one")

    async def test_it_is_created_and_stored_in_the_log(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload())

        assert await catalog.changes(ANA) == [(1, "one", "created"), (2, "one", "stored")]

    async def test_nothing_is_left_to_capture(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload())

        assert (await catalog.captures.backlog()).open == 0
        assert await catalog.claim() == []

    async def test_the_same_bytes_are_two_uploads(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload("one"))
        await catalog.images.add(an_upload("two"))

        assert len(await catalog.images.page(ANA, after=None, limit=9, sources=[ImageSource.UPLOADED])) == 2

    async def test_an_id_is_taken_once(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        with pytest.raises(ImageIdTaken):
            await catalog.images.add(an_upload("one"))

    async def test_a_key_finds_what_it_made(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload("one"), idempotency_key=a_key())
        again = await catalog.images.add(an_upload("two"), idempotency_key=a_key())

        assert (str(again.image.id), again.is_new) == ("one", False)
        assert await catalog.images.find(ANA, ImageId("two")) is None

    async def test_a_key_finds_it_even_if_it_was_deleted(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload("one"), idempotency_key=a_key())
        await catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW + SECOND)
        again = await catalog.images.add(an_upload("two"), idempotency_key=a_key())

        assert (str(again.image.id), again.image.reason) == ("one", "user_request")

    async def test_a_key_with_another_request_is_refused(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload("one"), idempotency_key=a_key())
        with pytest.raises(IdempotencyKeyReused):
            await catalog.images.add(an_upload("two"), idempotency_key=a_key(request="1"))

    async def test_a_key_at_once_makes_one_image(self, catalog: Catalog) -> None:
        added = await asyncio.gather(
            *(catalog.images.add(an_upload(f"i{number}"), idempotency_key=a_key()) for number in range(5))
        )

        assert len({each.image.id for each in added}) == 1
        assert sum(each.is_new for each in added) == 1

    async def test_a_deleted_upload_owes_an_unlink(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload())
        before = await catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW + SECOND)

        assert before == an_upload()
        assert [str(image.id) for image in await catalog.images.owed_unlinks(9)] == ["one"]


class RepetitionContract:
    async def test_a_key_is_unknown_at_first(self, catalog: Catalog) -> None:
        assert await catalog.repetitions.find(ANA, a_key()) is None

    async def test_what_a_key_made_is_found_by_its_owner(self, catalog: Catalog) -> None:
        await catalog.repetitions.remember(ANA, a_key(), "made", at=NOW)

        assert await catalog.repetitions.find(ANA, a_key()) == "made"
        assert await catalog.repetitions.find(BOB, a_key()) is None

    async def test_the_first_to_make_something_wins(self, catalog: Catalog) -> None:
        made = await asyncio.gather(
            *(catalog.repetitions.remember(ANA, a_key(), f"r{number}", at=NOW) for number in range(5))
        )

        assert len(set(made)) == 1

    async def test_another_request_is_refused(self, catalog: Catalog) -> None:
        await catalog.repetitions.remember(ANA, a_key(), "made", at=NOW)
        with pytest.raises(IdempotencyKeyReused):
            await catalog.repetitions.find(ANA, a_key(request="1"))
        with pytest.raises(IdempotencyKeyReused):
            await catalog.repetitions.remember(ANA, a_key(operation="other"), "more", at=NOW)

    async def test_what_an_image_was_made_with_is_known_too(self, catalog: Catalog) -> None:
        await catalog.images.add(an_upload(), idempotency_key=a_key())

        assert await catalog.repetitions.find(ANA, a_key()) == "one"

    async def test_forgetting_an_owner_forgets_it(self, catalog: Catalog) -> None:
        await catalog.repetitions.remember(ANA, a_key(), "made", at=NOW)
        await catalog.images.forget_owner(ANA, at=NOW)

        assert await catalog.repetitions.find(ANA, a_key()) is None

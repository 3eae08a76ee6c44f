"""What every catalog promises of images.  A backend's tests inherit this and give a `catalog` fixture."""

import asyncio
from typing import Any

import pytest

from app.domain.errors import IdempotencyKeyReused
from app.domain.ids import ImageId, UserId
from app.domain.images import ImagePosition, ImageSource, ImageStatus, Origin, Usage
from tests.support.catalog import ANA, BOB, DIGEST, FACTS, NOW, SECOND, Catalog, a_key, an_image, of_job


async def all_pages(catalog: Catalog, limit: int = 2, **more: Any) -> list[str]:
    found: list[str] = []
    after = None
    while page := await catalog.images.page(ANA, after=after, limit=limit, **more):
        found += [str(image.id) for image in page]
        after = ImagePosition(page[-1].created_at, page[-1].id)
    return found


class ListContract:
    async def test_a_page_is_newest_first(self, catalog: Catalog) -> None:
        for number in range(3):
            await catalog.images.register(an_image(f"i{number}", created_at=NOW + number * SECOND))

        assert await all_pages(catalog) == ["i2", "i1", "i0"]

    async def test_pages_of_images_of_one_moment_miss_and_repeat_none(self, catalog: Catalog) -> None:
        for name in "gbeafdc":
            await catalog.images.register(an_image(name))

        assert await all_pages(catalog) == list("gfedcba")

    async def test_deleting_between_pages_moves_nothing(self, catalog: Catalog) -> None:
        for name in "abcdef":
            await catalog.images.register(an_image(name))
        first = await catalog.images.page(ANA, after=None, limit=3)
        for name in "ec":
            await catalog.images.mark_deleted(ANA, ImageId(name), reason="user_request", at=NOW)

        rest = await catalog.images.page(ANA, after=ImagePosition(NOW, first[-1].id), limit=3)

        assert [str(image.id) for image in first + rest] == ["f", "e", "d", "b", "a"]

    async def test_a_page_can_begin_after_an_image_that_is_gone(self, catalog: Catalog) -> None:
        for name in "abc":
            await catalog.images.register(an_image(name))
        await catalog.images.mark_deleted(ANA, ImageId("b"), reason="user_request", at=NOW)

        page = await catalog.images.page(ANA, after=ImagePosition(NOW, ImageId("b")), limit=3)

        assert [str(image.id) for image in page] == ["a"]

    async def test_a_page_is_of_one_owner(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("his", user=BOB))

        assert await all_pages(catalog) == []

    async def test_a_page_can_be_of_some_sources_only(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("imported"))
        await catalog.images.register(an_image("uploaded", source=ImageSource.UPLOADED))
        await catalog.images.register(an_image("chat", source=ImageSource.CHAT))

        assert await all_pages(catalog, sources=[ImageSource.UPLOADED, ImageSource.CHAT]) == ["uploaded", "chat"]

    async def test_a_page_can_begin_at_a_time(self, catalog: Catalog) -> None:
        for number in range(3):
            await catalog.images.register(an_image(f"i{number}", created_at=NOW + number * SECOND))

        assert await all_pages(catalog, since=NOW + SECOND) == ["i2", "i1"]

    async def test_usage_counts_what_is_stored_and_what_is_on_its_way(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"), size=10)
        await catalog.stored(an_image("two"), size=32)
        await catalog.stored(an_image("gone"), size=500)
        await catalog.images.mark_deleted(ANA, ImageId("gone"), reason="user_request", at=NOW)
        await catalog.ended(an_image("lost"))
        await catalog.stored(an_image("his", user=BOB), size=999)
        await catalog.images.register(an_image("three"))

        assert await catalog.images.usage(ANA) == Usage(images=2, size=42, capturing=1)

    async def test_an_owner_nobody_knows_has_nothing(self, catalog: Catalog) -> None:
        assert await catalog.images.usage(UserId("nobody")) == Usage(images=0, size=0, capturing=0)


class DeleteContract:
    async def test_deleting_returns_the_image_as_it_was(self, catalog: Catalog) -> None:
        stored = await catalog.stored(an_image("one"))

        assert await catalog.images.mark_deleted(ANA, stored.id, reason="user_request", at=NOW) == stored

    async def test_deleting_twice_is_deleting_once(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"))
        await catalog.images.mark_deleted(ANA, ImageId("one"), reason="expired", at=NOW)

        again = await catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW + SECOND)

        assert again is None
        assert (await catalog.get("one")).reason == "expired"
        assert (await catalog.get("one")).ended_at == NOW

    async def test_deleting_what_never_was_is_nothing(self, catalog: Catalog) -> None:
        assert await catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW) is None

    async def test_of_many_deletions_at_once_one_counts(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"))

        done = await asyncio.gather(
            *(catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW) for _ in range(20))
        )

        assert sum(image is not None for image in done) == 1

    async def test_a_tombstone_says_nothing_of_what_the_picture_was(self, catalog: Catalog) -> None:
        new = of_job("one", metadata={"prompt": "secret"})
        await catalog.stored(new)
        await catalog.images.touch({(ANA, new.id): NOW})

        await catalog.images.mark_deleted(ANA, new.id, reason="user_request", at=NOW)
        await catalog.images.mark_unlinked(ANA, new.id)
        tombstone = await catalog.get("one")

        assert (tombstone.status, tombstone.reason, tombstone.ended_at) == (ImageStatus.DELETED, "user_request", NOW)
        assert (tombstone.facts, tombstone.digest, tombstone.accessed_at, tombstone.detail) == (None,) * 4
        assert tombstone.metadata == {}
        assert tombstone.origin == Origin(output_index=0)

    async def test_an_unlink_is_owed_until_it_is_done(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"))
        assert await catalog.images.owed_unlinks(10) == []

        await catalog.images.mark_deleted(ANA, ImageId("one"), reason="expired", at=NOW)
        owed = await catalog.images.owed_unlinks(10)
        await catalog.images.mark_unlinked(ANA, ImageId("one"))

        assert [image.key for image in owed] == ["ana/one.png"]
        assert await catalog.images.owed_unlinks(10) == []

    async def test_no_unlink_can_be_done_of_what_is_not_deleted(self, catalog: Catalog) -> None:
        stored = await catalog.stored(an_image("one"))

        await catalog.images.mark_unlinked(ANA, stored.id)

        assert await catalog.get("one") == stored

    async def test_no_unlink_is_owed_for_what_was_never_stored(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        await catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW)

        assert await catalog.images.owed_unlinks(10) == []

    async def test_owed_unlinks_come_in_portions(self, catalog: Catalog) -> None:
        for name in "abc":
            await catalog.stored(an_image(name))
            await catalog.images.mark_deleted(ANA, ImageId(name), reason="expired", at=NOW)

        assert len(await catalog.images.owed_unlinks(2)) == 2

    async def test_forgetting_an_owner_forgets_their_idempotency_keys_only(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"), idempotency_key=a_key())
        await catalog.images.register(an_image("one", user=BOB), idempotency_key=a_key())

        await catalog.images.forget_owner(ANA, at=NOW)

        assert (await catalog.images.register(an_image("two"), idempotency_key=a_key(request="1"))).is_new
        with pytest.raises(IdempotencyKeyReused):
            await catalog.images.register(an_image("two", user=BOB), idempotency_key=a_key(request="1"))


class TouchContract:
    async def test_a_read_is_recorded(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"))

        await catalog.images.touch({(ANA, ImageId("one")): NOW})

        assert (await catalog.get("one")).accessed_at == NOW

    async def test_an_earlier_read_changes_nothing(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"))

        for at in (NOW, NOW - SECOND):
            await catalog.images.touch({(ANA, ImageId("one")): at})

        assert (await catalog.get("one")).accessed_at == NOW

    async def test_thousands_of_reads_are_recorded_at_once(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"))
        nobody = {(ANA, ImageId(f"never-{number}")): NOW for number in range(2500)}

        await catalog.images.touch(nobody | {(ANA, ImageId("one")): NOW})

        assert (await catalog.get("one")).accessed_at == NOW

    async def test_no_reads_are_no_work(self, catalog: Catalog) -> None:
        await catalog.images.touch({})

    async def test_a_read_that_is_written_late_leaves_no_trace_on_a_tombstone(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"))
        await catalog.images.mark_deleted(ANA, ImageId("one"), reason="user_request", at=NOW)

        await catalog.images.touch({(ANA, ImageId("one")): NOW})

        assert (await catalog.get("one")).accessed_at is None


class FindContract:
    async def test_what_was_stored_is_found_as_it_was(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"), at=NOW + SECOND)

        image = await catalog.get("one")

        assert (image.facts, image.digest, image.hosted_at) == (FACTS, DIGEST, NOW + SECOND)

    async def test_an_image_nobody_knows_is_none(self, catalog: Catalog) -> None:
        assert await catalog.images.find(ANA, ImageId("one")) is None

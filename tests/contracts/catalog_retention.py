"""What every catalog promises of retention: what is stored, when a sweep last ran, and that only one does."""

import asyncio
from datetime import datetime, timedelta

import pytest

from app.domain.clock_guard import Sighting
from app.domain.ids import ImageId, UserId
from app.domain.images import ImageSource
from app.domain.retention import StoredImage
from tests.support.catalog import ANA, BOB, NOW, SECOND, Catalog, an_image

MINUTE = timedelta(minutes=1)


async def stored(catalog: Catalog, user: UserId | None = None) -> list[StoredImage]:
    found = [image async for image in catalog.retention.stored(user)]
    return sorted(found, key=lambda image: (image.user, image.id))


async def lock(catalog: Catalog, owner: str, *, now: timedelta = timedelta(), lease: timedelta = MINUTE) -> bool:
    return await catalog.retention.try_lock("sweep", owner=owner, now=NOW + now, until=NOW + now + lease)


class RetentionContract:
    async def test_what_is_stored_is_told_with_size_and_times(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one", source=ImageSource.UPLOADED), size=42, at=NOW + SECOND)

        (image,) = await stored(catalog)

        assert (image.user, str(image.id), image.source, image.size) == (ANA, "one", ImageSource.UPLOADED, 42)
        assert (image.hosted_at, image.last_used_at) == (NOW + SECOND, NOW + SECOND)

    async def test_a_read_is_the_last_use(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"))
        await catalog.images.touch({(ANA, ImageId("one")): NOW + SECOND})

        assert [(image.hosted_at, image.last_used_at) for image in await stored(catalog)] == [(NOW, NOW + SECOND)]

    async def test_only_what_has_bytes_is_stored(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("deleted"))
        await catalog.images.mark_deleted(ANA, ImageId("deleted"), reason="expired", at=NOW)
        await catalog.ended(an_image("lost"))
        await catalog.images.register(an_image("capturing"))

        assert await stored(catalog) == []
        assert await catalog.retention.newest() is None

    async def test_what_is_stored_can_be_told_of_one_owner(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("one"))
        await catalog.stored(an_image("two", user=BOB))

        assert [str(image.id) for image in await stored(catalog, BOB)] == ["two"]
        assert len(await stored(catalog)) == 2

    async def test_looking_at_what_is_stored_may_stop_half_way(self, catalog: Catalog) -> None:
        for name in "abcdefgh":
            await catalog.stored(an_image(name))

        for _ in range(10):  # more often than there are connections
            looking = catalog.retention.stored(None)
            await anext(looking)
            await looking.aclose()

        assert len(await stored(catalog)) == 8

    async def test_the_oldest_of_an_owner_is_the_earliest_hosted_that_is_stored(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("theirs", user=BOB), at=NOW)
        for name, seconds in (("gone", 1), ("b", 3), ("a", 2)):
            await catalog.stored(an_image(name), at=NOW + seconds * SECOND)
        await catalog.images.mark_deleted(ANA, ImageId("gone"), reason="expired", at=NOW)

        assert await catalog.retention.oldest(ANA) == NOW + 2 * SECOND
        assert await catalog.retention.oldest(UserId("nobody")) is None

    async def test_the_newest_is_the_latest_hosted(self, catalog: Catalog) -> None:
        for name, seconds in (("a", 1), ("b", 3), ("c", 2)):
            await catalog.stored(an_image(name), at=NOW + seconds * SECOND)

        assert await catalog.retention.newest() == NOW + 3 * SECOND

    async def test_a_sweep_nobody_ran_is_none(self, catalog: Catalog) -> None:
        assert await catalog.retention.last_sweep() is None

    @pytest.mark.parametrize("then", [NOW + SECOND, NOW - SECOND], ids=["later", "earlier"])
    async def test_the_last_sighting_replaces_the_one_before(self, catalog: Catalog, then: datetime) -> None:
        await catalog.retention.record_sweep(Sighting(NOW, is_suspect=False))
        await catalog.retention.record_sweep(Sighting(then, is_suspect=True))

        assert await catalog.retention.last_sweep() == Sighting(then, is_suspect=True)


class LockContract:
    async def test_a_lock_is_held_by_one(self, catalog: Catalog) -> None:
        assert await lock(catalog, "us")
        assert not await lock(catalog, "them", now=MINUTE - SECOND)

    async def test_a_lock_that_ran_out_is_taken_over(self, catalog: Catalog) -> None:
        await lock(catalog, "us")

        assert await lock(catalog, "them", now=MINUTE)
        assert not await lock(catalog, "us", now=MINUTE)

    async def test_its_holder_extends_a_lock(self, catalog: Catalog) -> None:
        await lock(catalog, "us")

        assert await lock(catalog, "us", now=MINUTE / 2)
        assert not await lock(catalog, "them", now=MINUTE)

    async def test_a_lock_taken_on_a_clock_that_ran_ahead_does_not_hold_for_years(self, catalog: Catalog) -> None:
        await lock(catalog, "us", now=timedelta(days=3650))

        assert await lock(catalog, "them")

    async def test_a_lock_of_one_who_began_a_little_later_holds(self, catalog: Catalog) -> None:
        await lock(catalog, "us", now=SECOND)

        assert not await lock(catalog, "them")

    async def test_a_lock_is_given_back_by_its_holder_only(self, catalog: Catalog) -> None:
        await lock(catalog, "us")

        await catalog.retention.unlock("sweep", owner="them")
        assert not await lock(catalog, "them")
        await catalog.retention.unlock("sweep", owner="us")
        assert await lock(catalog, "them")

    async def test_locks_have_names(self, catalog: Catalog) -> None:
        await lock(catalog, "us")

        assert await catalog.retention.try_lock("other", owner="them", now=NOW, until=NOW + MINUTE)

    async def test_of_many_who_try_at_once_one_gets_it(self, catalog: Catalog) -> None:
        assert sum(await asyncio.gather(*(lock(catalog, f"worker{n}") for n in range(10)))) == 1

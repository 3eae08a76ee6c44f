"""What every catalog promises of a capture's holder: only the latest one holds it, whatever an earlier one thinks."""

import asyncio
from dataclasses import replace

import pytest

from app.domain.captures import Capture
from app.domain.images import ImageStatus
from tests.support.catalog import ANA, DIGEST, FACTS, LEASE, NOW, SECOND, Catalog, an_image


async def stale_and_fresh(catalog: Catalog) -> tuple[Capture, Capture]:
    """Return the captures of a holder thought dead, and of who took over from it."""
    await catalog.images.register(an_image("one"))
    (stale,) = await catalog.claim(owner="dead")
    (fresh,) = await catalog.claim(owner="alive", now=NOW + LEASE)
    return stale, fresh


async def store(catalog: Catalog, capture: Capture) -> bool:
    return await catalog.captures.settle_stored(capture, facts=FACTS, digest=DIGEST, at=NOW) is not None


async def lose(catalog: Catalog, capture: Capture) -> bool:
    return await catalog.captures.settle_failed(capture, is_lost=True, reason="gone", detail="It is gone.", at=NOW)


class FencingContract:
    @pytest.mark.parametrize("settle", [store, lose], ids=["store", "lose"])
    async def test_an_old_holder_cannot_settle(self, catalog: Catalog, settle) -> None:  # noqa: ANN001 (one of two above)
        stale, fresh = await stale_and_fresh(catalog)

        assert not await settle(catalog, stale)
        assert (await catalog.get("one")).status is ImageStatus.CAPTURING
        assert await settle(catalog, fresh)

    async def test_only_its_latest_holder_holds_it(self, catalog: Catalog) -> None:
        stale, fresh = await stale_and_fresh(catalog)

        assert [await catalog.captures.holds(capture) for capture in (stale, fresh)] == [False, True]
        async with catalog.captures.holding(stale) as is_ours:
            assert not is_ours
        async with catalog.captures.holding(fresh) as is_ours:
            assert is_ours

    async def test_a_lease_that_ran_out_is_held_until_somebody_takes_it(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()
        await catalog.captures.release_all(owner=None, now=NOW + LEASE)

        assert await catalog.captures.holds(capture)

    @pytest.mark.parametrize("end", [store, lose], ids=["stored", "lost"])
    async def test_nobody_holds_what_has_ended(self, catalog: Catalog, end) -> None:  # noqa: ANN001 (one of two above)
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()
        await end(catalog, capture)

        assert not await catalog.captures.holds(capture)

    async def test_nobody_holds_what_was_deleted(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()
        await catalog.images.mark_deleted(ANA, capture.image, reason="user_request", at=NOW)

        assert not await catalog.captures.holds(capture)

    async def test_nobody_takes_over_while_it_is_held_on_to(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()
        async with catalog.captures.holding(capture) as is_ours:
            other = asyncio.create_task(catalog.claim(owner="other", now=NOW + LEASE))
            for _ in range(100):
                await asyncio.sleep(0)
            assert is_ours
            assert not other.done()

        assert len(await other) == 1

    async def test_an_old_holder_cannot_give_it_back(self, catalog: Catalog) -> None:
        stale, fresh = await stale_and_fresh(catalog)

        assert not await catalog.captures.release(stale, at=NOW, error="interrupted")
        assert await catalog.claim(owner="third", now=NOW + LEASE + SECOND) == []
        assert await store(catalog, fresh)

    async def test_an_old_holder_cannot_keep_it(self, catalog: Catalog) -> None:
        stale, _ = await stale_and_fresh(catalog)

        await catalog.captures.renew([stale], until=NOW + 10 * LEASE)

        assert len(await catalog.claim(owner="third", now=NOW + 2 * LEASE)) == 1

    async def test_one_who_gave_it_back_cannot_settle(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()
        await catalog.captures.release_all(owner=None, now=NOW)
        await catalog.claim(owner="other")

        assert not await store(catalog, capture)

    async def test_a_capture_is_settled_once(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()

        assert await store(catalog, capture)
        assert not await store(catalog, capture)
        assert not await lose(catalog, capture)
        assert not await catalog.captures.release(capture, at=NOW, error="late")
        assert (await catalog.get("one")).status is ImageStatus.STORED

    async def test_a_guessed_token_settles_nothing(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()

        assert not await store(catalog, replace(capture, token=capture.token + 1))

    async def test_the_holder_from_before_a_revival_cannot_settle(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (before,) = await catalog.claim()
        await lose(catalog, before)
        await catalog.images.register(an_image("one"))

        assert not await store(catalog, before)

    async def test_settling_after_a_deletion_says_so_and_changes_nothing(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()
        await catalog.images.mark_deleted(ANA, capture.image, reason="user_request", at=NOW)
        tombstone = await catalog.get("one")

        assert await catalog.captures.settle_stored(capture, facts=FACTS, digest=DIGEST, at=NOW) is None
        assert not await lose(catalog, capture)
        assert await catalog.get("one") == tombstone

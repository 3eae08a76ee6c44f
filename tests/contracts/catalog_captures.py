"""What every catalog promises of captures: a durable queue, whose leases are fenced by tokens."""

import asyncio
from datetime import timedelta

import pytest

from app.domain.captures import Backlog, Risk
from app.domain.ids import ImageId
from app.domain.images import ImageStatus
from tests.contracts.catalog_fencing import FencingContract, stale_and_fresh
from tests.support.catalog import ANA, DIGEST, FACTS, LEASE, NOW, SECOND, Catalog, an_image


class ClaimContract:
    async def test_what_is_registered_can_be_claimed_at_once(self, catalog: Catalog) -> None:
        new = an_image("one")
        await catalog.images.register(new)

        (capture,) = await catalog.claim()

        assert (capture.user, capture.image, capture.source) == (new.user, new.id, new.source)
        assert (capture.fetch_from, capture.deadline) == (new.fetch_from, new.deadline)
        assert capture.attempts == 1

    async def test_a_source_comes_back_as_long_as_it_is(self, catalog: Catalog) -> None:
        text = "data:image/png;base64," + "A" * 3_000_000
        await catalog.images.register(an_image("one", fetch_from=text))

        (capture,) = await catalog.claim()

        assert capture.fetch_from == text

    async def test_the_earliest_deadline_goes_first_and_none_goes_last(self, catalog: Catalog) -> None:
        for name, minutes in (("late", 60), ("never", None), ("soon", 1), ("past", -5)):
            deadline = None if minutes is None else NOW + timedelta(minutes=minutes)
            await catalog.images.register(an_image(name, deadline=deadline))

        first = await catalog.claim(limit=3)
        rest = await catalog.claim(limit=3)

        assert [str(capture.image) for capture in first + rest] == ["past", "soon", "late", "never"]

    async def test_of_equal_deadlines_the_oldest_goes_first(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("second", created_at=NOW - SECOND))
        await catalog.images.register(an_image("first", created_at=NOW - 2 * SECOND))

        assert [str(capture.image) for capture in await catalog.claim()] == ["first", "second"]

    async def test_of_those_that_die_soon_only_the_living_are_claimed_earliest_first(self, catalog: Catalog) -> None:
        for name, seconds in (("late", 11), ("last", 10), ("soon", 1), ("dead", 0), ("never", None)):
            deadline = None if seconds is None else NOW + timedelta(seconds=seconds)
            await catalog.images.register(an_image(name, deadline=deadline))

        claimed = await catalog.captures.claim(
            owner="us", now=NOW, lease=LEASE, limit=9, dying_by=NOW + timedelta(seconds=10)
        )

        assert [str(capture.image) for capture in claimed] == ["soon", "last"]

    async def test_what_is_held_is_not_claimed(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        await catalog.claim()

        assert await catalog.claim(owner="other", now=NOW + LEASE - SECOND) == []

    async def test_a_lease_that_ran_out_is_up_for_taking(self, catalog: Catalog) -> None:
        stale, fresh = await stale_and_fresh(catalog)

        assert (fresh.image, fresh.attempts) == (stale.image, 2)
        assert fresh.token > stale.token

    async def test_a_renewed_lease_is_kept(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        held = await catalog.claim()

        await catalog.captures.renew(held, until=NOW + 2 * LEASE)

        assert await catalog.claim(owner="other", now=NOW + 2 * LEASE - SECOND) == []

    async def test_what_is_due_later_is_claimed_later(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()
        await catalog.captures.release(capture, at=NOW + SECOND, error="source_unavailable")

        assert await catalog.claim() == []
        assert [again.attempts for again in await catalog.claim(now=NOW + SECOND)] == [2]

    async def test_what_is_settled_is_never_claimed_again(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("stored"))
        await catalog.ended(an_image("lost"))
        await catalog.images.register(an_image("deleted"))
        await catalog.images.mark_deleted(ANA, ImageId("deleted"), reason="user_request", at=NOW)

        assert await catalog.claim(now=NOW + timedelta(days=9)) == []

    async def test_claimers_at_once_never_get_the_same_capture(self, catalog: Catalog) -> None:
        for number in range(20):
            await catalog.images.register(an_image(f"i{number}"))

        portions = await asyncio.gather(*(catalog.claim(owner=f"worker{n}", limit=3) for n in range(10)))

        claimed = [capture.image for portion in portions for capture in portion]
        assert len(claimed) == len(set(claimed)) == 20


class SettleContract:
    async def test_a_stored_capture_is_a_stored_image(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()

        image = await catalog.captures.settle_stored(capture, facts=FACTS, digest=DIGEST, at=NOW + SECOND)

        assert image == await catalog.get("one")
        assert image is not None
        assert (image.status, image.facts, image.digest) == (ImageStatus.STORED, FACTS, DIGEST)
        assert (image.hosted_at, image.accessed_at) == (NOW + SECOND, None)

    @pytest.mark.parametrize(
        ("is_lost", "status"), [(True, ImageStatus.LOST), (False, ImageStatus.REJECTED)], ids=["lost", "rejected"]
    )
    async def test_a_failed_capture_says_why(self, catalog: Catalog, *, is_lost: bool, status: ImageStatus) -> None:
        detail = "Says a source: \ud800\x00 and ünïcode."
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()

        assert await catalog.captures.settle_failed(capture, is_lost=is_lost, reason="odd", detail=detail, at=NOW)
        image = await catalog.get("one")

        assert (image.status, image.reason, image.ended_at) == (status, "odd", NOW)
        assert image.detail == "Says a source: \ufffd\ufffd and ünïcode."

    async def test_an_owners_captures_are_given_back_at_once(self, catalog: Catalog) -> None:
        for name in "abc":
            await catalog.images.register(an_image(name))
        await catalog.claim(owner="ours", limit=2)
        await catalog.claim(owner="theirs")

        assert await catalog.captures.release_all(owner="ours", now=NOW) == 2
        assert {str(capture.image) for capture in await catalog.claim(owner="third")} == {"a", "b"}

    async def test_everybodys_captures_are_given_back_at_once(self, catalog: Catalog) -> None:
        for name in "ab":
            await catalog.images.register(an_image(name))
            await catalog.claim(owner=name, limit=1)

        assert await catalog.captures.release_all(owner=None, now=NOW) == 2
        assert len(await catalog.claim(owner="third")) == 2

    async def test_what_waits_for_its_time_goes_on_waiting_when_all_is_given_back(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one"))
        (capture,) = await catalog.claim()
        await catalog.captures.release(capture, at=NOW + SECOND, error="source_unavailable")

        assert await catalog.captures.release_all(owner=None, now=NOW) == 0
        assert await catalog.claim() == []

    async def test_renewing_nothing_is_fine(self, catalog: Catalog) -> None:
        await catalog.captures.renew([], until=NOW)

    async def test_the_backlog_is_what_is_open(self, catalog: Catalog) -> None:
        await catalog.stored(an_image("stored", deadline=NOW - timedelta(hours=1)))
        await catalog.images.register(an_image("soon", deadline=NOW + SECOND, created_at=NOW + SECOND))
        await catalog.images.register(an_image("late", deadline=NOW + 9 * SECOND, created_at=NOW - SECOND))
        await catalog.images.register(an_image("never", deadline=None))

        backlog = await catalog.captures.backlog()

        assert backlog == Backlog(open=3, next_attempt_at=NOW - SECOND, earliest_deadline=NOW + SECOND)

    async def test_the_risk_is_in_what_is_open_and_near_its_end(self, catalog: Catalog) -> None:
        await catalog.ended(an_image("lost", deadline=NOW - SECOND))
        for name, seconds in (("past", -1), ("now", 0), ("near", 9), ("by then", 10), ("far", 11), ("never", None)):
            deadline = None if seconds is None else NOW + seconds * SECOND
            await catalog.images.register(an_image(name.replace(" ", "-"), deadline=deadline))

        risk = await catalog.captures.risk(by=NOW + 10 * SECOND)

        assert risk == Risk(open=6, near=4, near_bytes=0, earliest_deadline=NOW - SECOND)

    async def test_bytes_at_risk_are_those_of_images_that_were_here_before(self, catalog: Catalog) -> None:
        for name in ("near", "far"):
            await catalog.lose_file(await catalog.stored(an_image(name), size=700))
        await catalog.images.register(an_image("near", deadline=NOW + timedelta(minutes=1)))
        await catalog.images.register(an_image("far", deadline=NOW + timedelta(minutes=60)))

        risk = await catalog.captures.risk(by=NOW + timedelta(minutes=15))

        assert (risk.open, risk.near, risk.near_bytes) == (2, 1, 700)

    async def test_no_risk_is_nothing(self, catalog: Catalog) -> None:
        assert await catalog.captures.risk(by=NOW) == Risk(open=0, near=0, near_bytes=0, earliest_deadline=None)

    async def test_when_a_source_was_made_comes_along(self, catalog: Catalog) -> None:
        await catalog.images.register(an_image("one", produced_at=NOW - SECOND))
        await catalog.images.register(an_image("two"))

        assert [capture.produced_at for capture in await catalog.claim()] == [NOW - SECOND, None]

    async def test_what_is_captured_again_begins_anew(self, catalog: Catalog) -> None:
        await catalog.ended(an_image("one", produced_at=NOW - SECOND))
        await catalog.images.register(an_image("one", created_at=NOW + SECOND))

        (capture,) = await catalog.claim(now=NOW + SECOND)

        assert (capture.created_at, capture.produced_at) == (NOW + SECOND, None)

    async def test_no_backlog_is_nothing(self, catalog: Catalog) -> None:
        assert await catalog.captures.backlog() == Backlog(open=0, next_attempt_at=None, earliest_deadline=None)


class CaptureQueueContract(ClaimContract, FencingContract, SettleContract):
    """All that is promised of captures."""

"""Which images a plan removes, in which order, and why."""

import time
from datetime import timedelta

import pytest

from app.domain.ids import UserId
from app.domain.images import ImageSource
from app.domain.ports import Space
from app.domain.retention import Plan, Policy, Reason, Total
from app.domain.retention_plan import plan
from tests.support.retention_fakes import ANA, BEN, DAY, HOUR, NOW, a_policy, a_stored


def names(made: Plan) -> list[str]:
    return [str(removal.image.id) for removal in made.removals]


def test_a_policy_with_every_rule_off_removes_nothing() -> None:
    made = plan([a_stored("old", age=10_000 * DAY)], a_policy(), now=NOW)
    assert made.removals == []
    assert not made.capped


def test_what_has_reached_the_maximum_age_goes_oldest_first() -> None:
    images = [a_stored("b", age=91 * DAY), a_stored("c", age=90 * DAY), a_stored("a", age=92 * DAY), a_stored("d")]
    made = plan(images, a_policy(max_age=90 * DAY), now=NOW)
    assert names(made) == ["a", "b", "c"]
    assert made.totals[Reason.EXPIRED] == Total(images=3, size=300)


def test_age_counts_from_hosting_however_recently_it_was_used() -> None:
    made = plan([a_stored("a", age=91 * DAY, unused=HOUR)], a_policy(max_age=90 * DAY), now=NOW)
    assert names(made) == ["a"]


def test_an_age_may_be_a_fraction_of_a_day() -> None:
    images = [a_stored("a", age=timedelta(seconds=10)), a_stored("b", age=timedelta(seconds=8))]
    made = plan(images, a_policy(max_age=0.0001 * DAY), now=NOW)
    assert names(made) == ["a"]


def test_a_source_can_have_a_maximum_age_of_its_own() -> None:
    images = [a_stored("chat", age=31 * DAY, source=ImageSource.CHAT), a_stored("made", age=31 * DAY)]
    policy = a_policy(max_age=90 * DAY, max_age_by_source={ImageSource.CHAT: 30 * DAY})
    assert names(plan(images, policy, now=NOW)) == ["chat"]


def test_a_source_can_be_kept_for_ever() -> None:
    images = [a_stored("up", age=99 * DAY, source=ImageSource.UPLOADED), a_stored("made", age=99 * DAY)]
    policy = a_policy(max_age=90 * DAY, max_age_by_source={ImageSource.UPLOADED: None})
    assert names(plan(images, policy, now=NOW)) == ["made"]


def test_beyond_the_limit_the_least_recently_used_of_that_owner_goes() -> None:
    images = [
        a_stored("old-but-read", age=9 * DAY, unused=HOUR),
        a_stored("unread", age=5 * DAY),
        a_stored("new", age=2 * DAY),
        a_stored("of-ben", owner=BEN, age=20 * DAY),
    ]
    made = plan(images, a_policy(per_user_limit=2), now=NOW)
    assert names(made) == ["unread"]
    assert made.removals[0].reason is Reason.OVER_LIMIT


def test_an_expired_image_makes_room_under_the_limit() -> None:
    images = [a_stored("expired", age=91 * DAY, unused=HOUR), a_stored("a", age=2 * DAY), a_stored("b", age=3 * DAY)]
    made = plan(images, a_policy(max_age=90 * DAY, per_user_limit=2), now=NOW)
    assert names(made) == ["expired"]


def test_the_limit_is_met_by_others_when_the_least_used_is_too_young() -> None:
    images = [a_stored("young", age=2 * HOUR), a_stored("read-a", unused=HOUR), a_stored("read-b", unused=HOUR / 2)]
    made = plan(images, a_policy(per_user_limit=2, min_age=DAY), now=NOW)
    assert names(made) == ["read-a"]


def test_a_store_over_its_limit_shrinks_to_the_low_mark_of_it() -> None:
    images = [a_stored(f"{n}", age=(20 - n) * DAY, size=100) for n in range(11)]
    made = plan(images, a_policy(store_limit=1000, low_water=0.8), now=NOW)
    assert names(made) == ["0", "1", "2"]
    assert {removal.reason for removal in made.removals} == {Reason.SPACE}


def test_a_store_at_its_limit_stays() -> None:
    made = plan([a_stored(f"{n}") for n in range(10)], a_policy(store_limit=1000), now=NOW)
    assert made.removals == []


def test_bytes_freed_by_age_count_against_the_store_limit() -> None:
    images = [a_stored("expired", age=91 * DAY, size=600), a_stored("a", size=500), a_stored("b", size=400)]
    made = plan(images, a_policy(max_age=90 * DAY, store_limit=1000), now=NOW)
    assert names(made) == ["expired"]


def test_a_volume_over_its_high_mark_is_freed_to_its_low_mark() -> None:
    images = [a_stored(f"{n}", age=(20 - n) * DAY, size=100) for n in range(5)]
    made = plan(images, a_policy(high_water=0.9, low_water=0.8), now=NOW, space=Space(total=1000, free=50))
    assert names(made) == ["0", "1"]
    assert made.shortfall == 0


def test_a_volume_at_its_high_mark_stays() -> None:
    made = plan([a_stored("a", size=800)], a_policy(high_water=0.9), now=NOW, space=Space(total=1000, free=100))
    assert made.removals == []


def test_bytes_freed_by_the_store_limit_are_not_freed_twice_for_the_volume() -> None:
    images = [a_stored(f"{n}", age=(20 - n) * DAY, size=100) for n in range(9)]
    policy = a_policy(store_limit=800, high_water=0.9, low_water=0.8)
    made = plan(images, policy, now=NOW, space=Space(total=1000, free=50))
    assert made.totals[Reason.SPACE] == Total(images=3, size=300)


def test_bytes_freed_by_age_count_for_the_volume() -> None:
    images = [a_stored("expired", age=91 * DAY, size=100), a_stored("kept", size=700)]
    made = plan(images, a_policy(max_age=90 * DAY), now=NOW, space=Space(total=1000, free=50))
    assert names(made) == ["expired"]


def test_when_others_pass_the_low_mark_only_the_high_one_is_restored() -> None:
    images = [a_stored("a", age=3 * DAY, size=60), a_stored("b", age=2 * DAY, size=60)]
    made = plan(images, a_policy(high_water=0.9, low_water=0.8), now=NOW, space=Space(total=1000, free=50))
    assert names(made) == ["a"]


def test_a_volume_that_others_fill_does_not_empty_the_store() -> None:
    images = [a_stored(f"{n}", size=10) for n in range(5)]
    made = plan(images, a_policy(high_water=0.9), now=NOW, space=Space(total=1000, free=0))
    assert made.removals == []
    assert made.shortfall == 100


def test_a_volume_of_unknown_size_is_left_out() -> None:
    made = plan([a_stored("a")], a_policy(), now=NOW, space=Space(total=0, free=0))
    assert made.removals == []


def test_what_is_too_young_is_counted_as_protected_once() -> None:
    images = [a_stored("a", age=2 * HOUR, size=70), a_stored("b", age=3 * HOUR, size=30)]
    policy = a_policy(max_age=HOUR, per_user_limit=1, store_limit=10, min_age=DAY)
    made = plan(images, policy, now=NOW)
    assert made.removals == []
    assert made.protected == Total(images=2, size=100)
    assert made.shortfall == 92


def test_the_minimum_age_ends_on_the_dot() -> None:
    images = [a_stored("a", age=DAY), a_stored("b", age=DAY - timedelta(microseconds=1))]
    assert names(plan(images, a_policy(per_user_limit=0, min_age=DAY), now=NOW)) == ["a"]


def test_an_image_of_the_future_is_too_young_even_without_a_minimum_age() -> None:
    made = plan([a_stored("a", age=-HOUR)], a_policy(per_user_limit=0, store_limit=0), now=NOW)
    assert made.removals == []


def test_for_one_owner_only_the_limit_is_applied() -> None:
    images = [
        a_stored("a", age=99 * DAY),
        a_stored("b", age=98 * DAY),
        a_stored("c", owner=BEN),
        a_stored("d", owner=BEN),
    ]
    made = plan(images, a_policy(max_age=DAY, per_user_limit=1, store_limit=1), now=NOW, owner=ANA)
    assert [(str(r.image.id), r.reason) for r in made.removals] == [("a", Reason.OVER_LIMIT)]


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (a_policy(max_age=90 * DAY), "older than 90 days (hosted 2026-04-01T12:00:00Z)"),
        (a_policy(max_age=DAY), "older than 1 day (hosted 2026-04-01T12:00:00Z)"),
        (a_policy(max_age=1.5 * HOUR), "older than 1.5 hours (hosted 2026-04-01T12:00:00Z)"),
        (a_policy(max_age=timedelta(seconds=9)), "older than 9 seconds (hosted 2026-04-01T12:00:00Z)"),
        (a_policy(per_user_limit=0), "beyond this user's limit of 0 images (last used 2026-07-31T12:00:00Z)"),
        (a_policy(store_limit=50), "the store is over its limit of 50 bytes (last used 2026-07-31T12:00:00Z)"),
        (a_policy(high_water=0.05, low_water=0.0), "the volume is more than 5% full (last used 2026-07-31T12:00:00Z)"),
    ],
    ids=["days", "one day", "hours", "seconds", "limit", "store", "volume"],
)
def test_a_removal_says_why_in_words(policy: Policy, why: str) -> None:
    image = a_stored("a", age=122 * DAY, unused=DAY)
    made = plan([image], policy, now=NOW, space=Space(total=1000, free=890))
    assert [removal.why for removal in made.removals] == [why]


def test_equal_times_are_told_apart_by_hosting_and_then_by_id() -> None:
    images = [a_stored("b", unused=DAY), a_stored("a", unused=DAY), a_stored("z", age=11 * DAY, unused=DAY)]
    assert names(plan(images, a_policy(per_user_limit=0), now=NOW)) == ["z", "a", "b"]


def test_two_owners_may_use_the_same_id() -> None:
    images = [a_stored("same", owner=BEN), a_stored("same", owner=ANA)]
    made = plan(images, a_policy(store_limit=0, low_water=0.0), now=NOW)
    assert [removal.image.user for removal in made.removals] == [ANA, BEN]


def test_a_run_is_capped_and_says_so() -> None:
    images = [a_stored(f"{n}", age=(100 - n) * DAY) for n in range(5)]
    made = plan(images, a_policy(max_age=DAY, max_removals=2), now=NOW)
    assert names(made) == ["0", "1"]
    assert made.capped
    assert made.totals[Reason.EXPIRED].images == 2


def test_a_hundred_thousand_images_are_planned_in_seconds() -> None:
    images = [
        a_stored(f"{n}", owner=UserId(f"u{n % 700}"), age=n % 2400 * HOUR, unused=n % 997 * HOUR, size=n % 5000)
        for n in range(100_000)
    ]
    policy = a_policy(max_age=90 * DAY, per_user_limit=120, min_age=DAY, store_limit=100_000_000)
    started = time.perf_counter()
    made = plan(images, policy, now=NOW)
    assert time.perf_counter() - started < 8  # about 0.6 s alone on a quiet machine; a square would take minutes
    assert all(made.totals[reason].images > 1000 for reason in Reason)

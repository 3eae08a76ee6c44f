"""Which images a plan removes, in which order, and why."""

import time
from collections import Counter
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ids import ImageId, UserId
from app.domain.images import ImageSource
from app.domain.ports import Space
from app.domain.retention import Plan, Policy, Reason, StoredImage, Total
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
    images = [a_stored("a", age=99 * DAY), a_stored("b", age=98 * DAY), a_stored("c", owner=BEN, age=99 * DAY)]
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


# From here on: what holds for every store and every policy.

_spans = st.integers(0, 60).map(lambda hours: hours * HOUR)


@st.composite
def _stores(draw: st.DrawFn) -> list[StoredImage]:
    rows = draw(st.lists(st.tuples(st.sampled_from("abc"), _spans, _spans, st.integers(1, 50)), max_size=25))
    return [
        a_stored(f"i{n}", owner=UserId(user), age=age - HOUR, unused=min(age - HOUR, unused), size=size)
        for n, (user, age, unused, size) in enumerate(rows)
    ]


_policies = st.builds(
    a_policy,
    max_age=st.none() | _spans,
    per_user_limit=st.none() | st.integers(0, 6),
    min_age=_spans,
    store_limit=st.none() | st.integers(0, 600),
    low_water=st.sampled_from([0.0, 0.5, 0.8]),
    max_removals=st.integers(0, 30),
)
_volumes = st.none() | st.builds(Space, total=st.just(1000), free=st.integers(0, 1000))


def removed(images: list[StoredImage], policy: Policy, now: datetime = NOW) -> set[ImageId]:
    return {removal.image.id for removal in plan(images, policy, now=now).removals}


@given(_stores(), _policies, _volumes)
def test_nothing_younger_than_the_minimum_age_ever_goes(
    images: list[StoredImage], policy: Policy, space: Space | None
) -> None:
    made = plan(images, policy, now=NOW, space=space)
    assert all(NOW - removal.image.hosted_at >= policy.min_age for removal in made.removals)


@given(_stores(), _policies, _volumes)
def test_no_image_goes_twice_and_the_totals_add_up(
    images: list[StoredImage], policy: Policy, space: Space | None
) -> None:
    made = plan(images, policy, now=NOW, space=space)
    assert len(set(names(made))) == len(made.removals)
    assert sum(total.images for total in made.totals.values()) == len(made.removals)
    assert sum(total.size for total in made.totals.values()) == sum(r.image.size for r in made.removals)


@given(_stores(), _policies)
def test_afterwards_an_owner_is_over_the_limit_only_with_protected_images(
    images: list[StoredImage], policy: Policy
) -> None:
    uncapped = a_policy(per_user_limit=policy.per_user_limit, max_age=policy.max_age, min_age=policy.min_age)
    gone = removed(images, uncapped)
    left = [image for image in images if image.id not in gone]
    counts = Counter(image.user for image in left)
    over = {user for user, count in counts.items() if count > (policy.per_user_limit or 0)}
    if policy.per_user_limit is not None:
        assert all(NOW - image.hosted_at < policy.min_age for image in left if image.user in over)


@given(_stores(), _policies)
def test_afterwards_a_store_is_over_its_limit_only_with_protected_images(
    images: list[StoredImage], policy: Policy
) -> None:
    limit = policy.store_limit or 0
    gone = removed(images, a_policy(store_limit=limit, min_age=policy.min_age))
    left = [image for image in images if image.id not in gone]
    assert sum(image.size for image in left) <= limit or all(NOW - i.hosted_at < policy.min_age for i in left)


@given(_stores(), _policies, _volumes, st.randoms(use_true_random=False))
def test_the_order_in_which_images_are_listed_does_not_matter(
    images: list[StoredImage], policy: Policy, space: Space | None, random: st.DataObject
) -> None:
    shuffled = list(images)
    random.shuffle(shuffled)
    assert plan(images, policy, now=NOW, space=space) == plan(shuffled, policy, now=NOW, space=space)


@given(_stores(), _policies, _volumes, st.integers(0, 30))
def test_a_capped_plan_is_the_beginning_of_the_whole(
    images: list[StoredImage], policy: Policy, space: Space | None, cap: int
) -> None:
    whole = plan(images, a_policy(max_age=policy.max_age, store_limit=policy.store_limit), now=NOW, space=space)
    capped = plan(
        images, a_policy(max_age=policy.max_age, store_limit=policy.store_limit, max_removals=cap), now=NOW, space=space
    )
    assert capped.removals == whole.removals[:cap]
    assert capped.capped == (cap < len(whole.removals))


@given(_stores(), _policies, st.integers(0, 6), st.integers(0, 6))
def test_a_lower_limit_removes_no_fewer(images: list[StoredImage], policy: Policy, one: int, other: int) -> None:
    low, high = sorted((one, other))
    kept = {"max_age": policy.max_age, "min_age": policy.min_age}
    assert removed(images, a_policy(per_user_limit=high, **kept)) <= removed(
        images, a_policy(per_user_limit=low, **kept)
    )


@given(_stores(), _policies, st.integers(0, 600), st.integers(0, 600))
def test_a_smaller_store_removes_no_fewer(images: list[StoredImage], policy: Policy, one: int, other: int) -> None:
    low, high = sorted((one, other))
    kept = {"max_age": policy.max_age, "per_user_limit": policy.per_user_limit, "min_age": policy.min_age}
    assert removed(images, a_policy(store_limit=high, **kept)) <= removed(images, a_policy(store_limit=low, **kept))


@given(_stores(), _policies, _spans)
def test_what_expires_now_would_expire_later_too(images: list[StoredImage], policy: Policy, later: timedelta) -> None:
    by_age = a_policy(max_age=policy.max_age, min_age=policy.min_age)
    assert removed(images, by_age) <= removed(images, by_age, NOW + later)


@given(_stores(), _policies)
def test_a_second_sweep_finds_nothing_more(images: list[StoredImage], policy: Policy) -> None:
    uncapped = a_policy(
        max_age=policy.max_age,
        per_user_limit=policy.per_user_limit,
        min_age=policy.min_age,
        store_limit=policy.store_limit,
    )
    gone = removed(images, uncapped)
    assert removed([image for image in images if image.id not in gone], uncapped) == set()


@pytest.mark.parametrize("years", [-10, 10], ids=["back", "ahead"])
def test_no_wrong_clock_removes_more_than_the_cap(years: int) -> None:
    images = [a_stored(f"{n}") for n in range(100)]
    policy = a_policy(max_age=90 * DAY, per_user_limit=200, min_age=DAY, max_removals=20)
    assert len(removed(images, policy, NOW + years * 365 * DAY)) == (20 if years > 0 else 0)

"""What holds for every store and every policy."""

from collections import Counter
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ids import ImageId, UserId
from app.domain.ports import Space
from app.domain.retention import Policy, StoredImage
from app.domain.retention_plan import plan
from tests.support.retention_fakes import DAY, HOUR, NOW, a_policy, a_stored

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
    assert len({removal.image.id for removal in made.removals}) == len(made.removals)
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
    images: list[StoredImage], policy: Policy, space: Space | None, random: Random
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

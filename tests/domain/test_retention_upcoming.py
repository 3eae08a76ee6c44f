"""What an owner is told of what goes next."""

from datetime import timedelta

from app.domain.images import ImageSource
from app.domain.retention import Policy, Reason, StoredImage
from app.domain.retention_plan import upcoming
from tests.support.retention_fakes import DAY, HOUR, NOW, a_policy, a_stored


def told(images: list[StoredImage], policy: Policy, limit: int = 10) -> list[tuple[str, timedelta | None, Reason]]:
    """Return names, how far off they are, and why."""
    return [
        (str(item.id), None if item.at is None else item.at - NOW, item.reason)
        for item in upcoming(images, policy, NOW, limit=limit)
    ]


def test_without_rules_nothing_is_foretold() -> None:
    assert told([a_stored("a")], a_policy()) == []


def test_images_are_foretold_in_the_order_in_which_they_expire() -> None:
    images = [a_stored("b", age=10 * DAY), a_stored("a", age=20 * DAY)]
    assert told(images, a_policy(max_age=30 * DAY)) == [
        ("a", 10 * DAY, Reason.EXPIRED),
        ("b", 20 * DAY, Reason.EXPIRED),
    ]


def test_each_source_expires_at_its_own_age() -> None:
    images = [a_stored("chat", source=ImageSource.CHAT), a_stored("made")]
    policy = a_policy(max_age=90 * DAY, max_age_by_source={ImageSource.CHAT: 30 * DAY})
    assert told(images, policy) == [("chat", 20 * DAY, Reason.EXPIRED), ("made", 80 * DAY, Reason.EXPIRED)]


def test_what_is_overdue_goes_now() -> None:
    assert told([a_stored("a", age=99 * DAY)], a_policy(max_age=90 * DAY)) == [("a", timedelta(), Reason.EXPIRED)]


def test_a_full_owner_is_told_what_the_next_image_displaces() -> None:
    images = [a_stored("read", age=9 * DAY, unused=HOUR), a_stored("unread", age=8 * DAY)]
    assert told(images, a_policy(max_age=90 * DAY, per_user_limit=2)) == [
        ("unread", None, Reason.OVER_LIMIT),
        ("read", 81 * DAY, Reason.EXPIRED),
    ]


def test_what_goes_now_is_told_before_what_the_next_image_displaces() -> None:
    images = [a_stored("a", age=9 * DAY), a_stored("b", age=8 * DAY, unused=HOUR), a_stored("overdue", age=99 * DAY)]
    assert told(images, a_policy(max_age=90 * DAY, per_user_limit=2))[:2] == [
        ("overdue", timedelta(), Reason.EXPIRED),
        ("a", None, Reason.OVER_LIMIT),
    ]


def test_an_owner_with_room_is_told_of_ages_only() -> None:
    assert told([a_stored("a")], a_policy(max_age=90 * DAY, per_user_limit=2)) == [("a", 80 * DAY, Reason.EXPIRED)]


def test_what_is_too_young_goes_when_it_is_old_enough() -> None:
    images = [a_stored("a", age=20 * HOUR), a_stored("b", age=HOUR)]
    assert told(images, a_policy(per_user_limit=1, min_age=DAY)) == [("a", 4 * HOUR, Reason.OVER_LIMIT)]


def test_the_minimum_age_postpones_an_expiry() -> None:
    assert told([a_stored("a", age=HOUR)], a_policy(max_age=2 * HOUR, min_age=DAY)) == [
        ("a", 23 * HOUR, Reason.EXPIRED)
    ]


def test_an_age_beyond_the_calendar_is_never() -> None:
    assert told([a_stored("a")], a_policy(max_age=10_000_000 * DAY)) == []


def test_only_as_many_as_asked_for_are_told() -> None:
    images = [a_stored(f"{n}", age=(20 - n) * DAY) for n in range(5)]
    assert [name for name, _, _ in told(images, a_policy(max_age=30 * DAY), limit=2)] == ["0", "1"]

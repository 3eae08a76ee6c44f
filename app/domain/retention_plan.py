"""Makes the plan of a sweep.

The rules run in order, each on what the ones before it left: age, each owner's limit, space.  Heaps and one pass per
rule keep 100,000 images within a second; ties are broken by `hosted_at`, then by id.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from heapq import heapify, heappop

from app.domain.ids import ImageId, UserId
from app.domain.ports import Space
from app.domain.retention import Plan, Policy, Reason, Removal, StoredImage, Total, Upcoming


def plan(
    images: Iterable[StoredImage],
    policy: Policy,
    *,
    now: datetime,
    space: Space | None = None,
    owner: UserId | None = None,
) -> Plan:
    """Return what goes under *policy*, oldest or least recently used first within each rule.

    With *owner*, only that owner's limit is applied.  Without *space*, the volume is left out.
    """
    draft = _Draft([image for image in images if owner in (None, image.user)], policy, now)
    if owner is None:
        draft.expire()
    draft.limit_owners()
    if owner is None:
        draft.make_room(space)
    removals = draft.removals[: policy.max_removals]
    totals = dict.fromkeys(Reason, Total())
    for removal in removals:
        totals[removal.reason] = totals[removal.reason].plus(removal.image)
    return Plan(
        removals=removals,
        totals=totals,
        capped=len(removals) < len(draft.removals),
        protected=Total(len(draft.protected), sum(image.size for image, _ in draft.protected.values())),
        shortfall=draft.shortfall,
    )


def upcoming(images: Iterable[StoredImage], policy: Policy, now: datetime, *, limit: int = 10) -> list[Upcoming]:
    """Return what goes next of one owner's *images*, and when at the earliest.

    The space rules look at everybody's images and cannot be foretold for one owner.
    """
    draft = _Draft(list(images), policy, now)
    draft.expire()
    draft.limit_owners()
    found: dict[ImageId, Upcoming] = {}

    def add(image: StoredImage, reason: Reason, at: datetime | None) -> None:
        found.setdefault(image.id, Upcoming(user=image.user, id=image.id, at=at, reason=reason))

    for removal in draft.removals:
        add(removal.image, removal.reason, now)
    for image, reason in draft.protected.values():
        add(image, reason, image.hosted_at + policy.min_age)
    for image in draft.displaced_by_the_next():
        add(image, Reason.OVER_LIMIT, None)
    for image in draft.left:
        if (at := _expiry(image, policy)) is not None:
            add(image, Reason.EXPIRED, at)
    return sorted(found.values(), key=lambda item: (item.at or now, item.at is None))[:limit]


class _Draft:
    """A plan in the making: *left* shrinks from rule to rule."""

    def __init__(self, images: list[StoredImage], policy: Policy, now: datetime) -> None:
        self.left = images
        self.removals: list[Removal] = []
        self.protected: dict[tuple[UserId, ImageId], tuple[StoredImage, Reason]] = {}
        self.shortfall = 0
        self._policy = policy
        self._now = now

    def expire(self) -> None:
        due = [image for image in self.left if self._is_expired(image)]
        self._protect((image for image in due if self._is_young(image)), Reason.EXPIRED)
        gone = sorted((image for image in due if not self._is_young(image)), key=_by_age)
        self._remove(gone, Reason.EXPIRED, self._expired_words)

    def limit_owners(self) -> None:
        limit = self._policy.per_user_limit
        if limit is None:
            return
        by_owner: defaultdict[UserId, list[StoredImage]] = defaultdict(list)
        for image in self.left:
            by_owner[image.user].append(image)
        gone: list[StoredImage] = []
        for images in by_owner.values():
            taken, _ = self._take(images, len(images) - limit, lambda _: 1, Reason.OVER_LIMIT)
            gone += taken
        self._remove(
            sorted(gone, key=_by_use),
            Reason.OVER_LIMIT,
            lambda image: f"beyond this user's limit of {limit} images ({_last_use(image)})",
        )

    def make_room(self, space: Space | None) -> None:
        """Free what the store is above its limit, or the volume above its mark: whichever is more."""
        over_limit = self._over_store_limit()
        over_mark = 0 if space is None else self._over_mark(space)
        rule = f"the volume is more than {self._policy.high_water:.0%} full"
        if over_limit >= over_mark:
            rule = f"the store is over its limit of {self._policy.store_limit} bytes"
        need = max(over_limit, over_mark)
        gone, unmet = self._take(self.left, need, lambda image: image.size, Reason.SPACE)
        self.shortfall = max(self.shortfall, unmet)
        self._remove(gone, Reason.SPACE, lambda image: f"{rule} ({_last_use(image)})")

    def displaced_by_the_next(self) -> list[StoredImage]:
        """Return what one more image of the same owner would push out."""
        limit = self._policy.per_user_limit
        if limit is None or len(self.left) < limit:
            return []
        return _least_used((image for image in self.left if not self._is_young(image)), 1, lambda _: 1)[0]

    def _over_store_limit(self) -> int:
        limit = self._policy.store_limit
        held = sum(image.size for image in self.left)
        return 0 if limit is None or held <= limit else held - int(limit * self._policy.low_water)

    def _over_mark(self, space: Space) -> int:
        """Return how many of our bytes must go; what others have on the volume is never ours to free."""
        freed = sum(removal.image.size for removal in self.removals)
        used = space.total - space.free - freed
        high = int(space.total * self._policy.high_water)
        low = int(space.total * self._policy.low_water)
        if used <= high:
            return 0
        others = used - sum(image.size for image in self.left)
        if others < low:
            return used - low
        # The low mark is out of reach, so the high one has to do.  If that is too, the volume is full of something
        # else, and emptying the store would not help for long.
        self.shortfall = used - high
        return used - high if others < high else 0

    def _take(
        self, images: list[StoredImage], need: int, weigh: Callable[[StoredImage], int], reason: Reason
    ) -> tuple[list[StoredImage], int]:
        """Choose the least recently used until *need* is met; return them and what is unmet."""
        if need <= 0:
            return [], 0
        taken, unmet = _least_used((image for image in images if not self._is_young(image)), need, weigh)
        wanted, _ = _least_used((image for image in images if self._is_young(image)), unmet, weigh)
        self._protect(wanted, reason)
        return taken, max(unmet, 0)

    def _remove(self, gone: list[StoredImage], reason: Reason, words: Callable[[StoredImage], str]) -> None:
        self.removals += [Removal(image, reason, words(image)) for image in gone]
        names = {id(image) for image in gone}
        self.left = [image for image in self.left if id(image) not in names]

    def _protect(self, images: Iterable[StoredImage], reason: Reason) -> None:
        for image in images:
            self.protected.setdefault((image.user, image.id), (image, reason))

    def _is_young(self, image: StoredImage) -> bool:
        return self._now - image.hosted_at < self._policy.min_age

    def _is_expired(self, image: StoredImage) -> bool:
        limit = self._policy.max_age_of(image.source)
        return limit is not None and self._now - image.hosted_at >= limit

    def _expired_words(self, image: StoredImage) -> str:
        limit = self._policy.max_age_of(image.source) or timedelta()
        return f"older than {_span(limit)} (hosted {_stamp(image.hosted_at)})"


def _least_used(
    images: Iterable[StoredImage], need: int, weigh: Callable[[StoredImage], int]
) -> tuple[list[StoredImage], int]:
    """Take the least recently used first until they weigh *need*; return them and what is missing."""
    queue = [(*_by_use(image), position, image) for position, image in enumerate(images)]
    heapify(queue)
    taken: list[StoredImage] = []
    while need > 0 and queue:
        image = heappop(queue)[-1]
        taken.append(image)
        need -= weigh(image)
    return taken, need


def _by_age(image: StoredImage) -> tuple[datetime, str, str]:
    return image.hosted_at, image.id.value, image.user.value


def _by_use(image: StoredImage) -> tuple[datetime, datetime, str, str]:
    return image.last_used_at, image.hosted_at, image.id.value, image.user.value


def _expiry(image: StoredImage, policy: Policy) -> datetime | None:
    limit = policy.max_age_of(image.source)
    try:
        return None if limit is None else image.hosted_at + max(limit, policy.min_age)
    except OverflowError:  # beyond the end of the calendar
        return None


def _last_use(image: StoredImage) -> str:
    return f"last used {_stamp(image.last_used_at)}"


def _span(span: timedelta) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = span.total_seconds() / length
        if count >= 1:
            return f"{count:g} {unit}" + ("" if count == 1 else "s")
    return f"{span.total_seconds():g} seconds"


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"

"""What is known of images that were served lately, by the target they were asked for with."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.ids import ImageId, UserId
from app.domain.ports import Monotonic
from app.web.hot.heads import Head
from app.web.hot.replies import PartForm, Reply
from app.web.hot.turns import Turn
from app.web.hot.witness import Witness
from app.web.serving.plan import plan
from app.web.serving.ranges import Span, select
from app.web.serving.representation import Representation

_MOST = 4096
_MOST_REPLIES = 8
_LONGEST_CONDITIONS = 512
"""Characters: whatever is longer is not asked for twice."""
# Then the row is asked for again, which may have been remembered for as long: together that is what a tombstone may
# take to count where the file could not be removed.
_FRESH_SECONDS = 15.0


@dataclass(slots=True, kw_only=True)
class HotImage:
    """One target of a public image: what it shows, true as long as it `is_there`.

    *witness* is the file that is shown, *original* the one it was derived from, if it was.
    """

    user: UserId
    image: ImageId
    shown: Representation
    cache: str
    download: bool
    witness: Witness
    original: Witness | None = None
    until: float = 0.0
    uses: int = 0
    read_at: int = 0
    """The second in which that was last noted."""
    _replies: dict[tuple[object, ...], Reply] = field(default_factory=dict)
    _parts: PartForm | None = None
    _seen: Turn | None = None

    def is_there(self, turn: Turn) -> bool:
        """Tell whether the file is, and the one it was derived from; looked at once in each *turn*."""
        if self._seen is not turn:
            if not (self.witness.holds() and (self.original is None or self.original.holds())):
                return False
            self._seen = turn
        return True

    def reply(self, head: Head, *, now: datetime, is_https: bool) -> Reply:
        """Return how *head* is answered."""
        key = (head.method, head.conditions)
        known = self._replies.get(key)
        if known is not None:
            return known
        if (part := self._find_part(head)) is not None:
            return self._part(part, now, is_https=is_https)
        decided = plan(head.method, head.headers(), self.shown, now=now, cache=self.cache, download=self.download)
        made = Reply.of(decided, is_https=is_https)
        if not head.is_dated and sum(len(value) for _, value in head.conditions) <= _LONGEST_CONDITIONS:
            if len(self._replies) >= _MOST_REPLIES:
                self._replies.clear()
            self._replies[key] = made
        return made

    def _find_part(self, head: Head) -> Span | None:
        """Return the part *head* asks for, if it asks for exactly one and under no condition."""
        spans = select(head.range, self.shown.size) if head.range is not None else None
        return spans[0] if spans is not None and len(spans) == 1 else None

    def _part(self, span: Span, now: datetime, *, is_https: bool) -> Reply:
        # Parts come in too many kinds to be kept, and the plan has the same answer to them all.
        if self._parts is None:
            self._parts = PartForm(self.shown, now=now, cache=self.cache, download=self.download, is_https=is_https)
        return self._parts.reply(span)


class HotImages:
    """The images asked for last, by target."""

    def __init__(self, *, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._images: OrderedDict[bytes, HotImage] = OrderedDict()

    def find(self, target: bytes) -> HotImage | None:
        found = self._images.get(target)
        if found is None:
            return None
        if self._monotonic() >= found.until:
            del self._images[target]
            return None
        self._images.move_to_end(target)
        found.uses += 1
        return found

    def remember(self, target: bytes, image: HotImage) -> None:
        image.until = self._monotonic() + _FRESH_SECONDS
        self._images[target] = image
        if len(self._images) > _MOST:
            self._images.popitem(last=False)

    def forget(self, target: bytes) -> None:
        self._images.pop(target, None)

"""What is wrong with an image is logged once in a while, however often it is asked for."""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta

from app.domain.ports import Clock

_MOST = 1_000
_PAUSE = timedelta(minutes=5)


class Complaints:
    """When what was last complained of; the oldest goes first."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._told: OrderedDict[Hashable, datetime] = OrderedDict()

    def is_due(self, about: Hashable) -> bool:
        """Whether to complain *about* this now, which counts as done."""
        now, last = self._clock(), self._told.get(about)
        if last is not None and timedelta() <= now - last < _PAUSE:
            return False
        self._told[about] = now
        self._told.move_to_end(about)
        if len(self._told) > _MOST:
            self._told.popitem(last=False)
        return True

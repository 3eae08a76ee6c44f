"""`RateLimiter` in this process's memory: a sliding window made of two counters.

Where several processes count together, each tells the others now and then what it has admitted: what comes meanwhile
can be too much.

The `limits` library reads the rates.  Its own memory storage looks at every key on each request, and grows with them.
"""

import json
import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from limits import RateLimitItem, parse

from app.domain.errors import RateLimited
from app.domain.ports import Clock

_A_MOMENT = 1e-6
_TOLD_AT_ONCE = 100


@dataclass(slots=True)
class _Window:
    """What was counted in the window *number* and in the one before it."""

    number: int
    before: int = 0
    count: int = 0

    def turn(self, number: int) -> None:
        if number != self.number:
            self.before = self.count if number == self.number + 1 else 0
            self.number, self.count = number, 0


class MemoryRateLimiter:
    """*rates* are in the library's spelling, such as `1200/minute`, by the kind of request; empty means no limit.

    Counts for the *most* senders seen last; whoever has been away longer than that many others begins anew.
    """

    def __init__(
        self, *, rates: dict[str, str], clock: Clock, most: int = 100_000, tell: Callable[[str], object] | None = None
    ) -> None:
        """*tell* passes what `hear` takes in on to the other processes."""
        self._rates: dict[str, RateLimitItem] = {kind: parse(rate) for kind, rate in rates.items() if rate}
        self._clock = clock
        self._most = most
        self._tell = tell
        self._untold: Counter[tuple[str, str]] = Counter()
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()

    async def admit(self, kind: str, who: str) -> None:
        wait = self._count(kind, who)
        if wait > 0:
            raise RateLimited(f"More than {self._rates[kind]} requests.", retry_after=max(1, math.ceil(wait)))

    def admits(self, kind: str, who: str) -> bool:
        return self._count(kind, who) <= 0

    async def pass_on(self) -> None:
        """Tell the other processes what was admitted since the last time."""
        untold, self._untold = self._untold, Counter()
        counts = ([kind, who, count] for (kind, who), count in untold.items())
        while self._tell is not None and (batch := list(islice(counts, _TOLD_AT_ONCE))):
            self._tell(json.dumps(batch))

    def hear(self, text: str) -> None:
        """Count what another process has admitted."""
        now = self._clock().timestamp()
        for kind, who, count in json.loads(text):
            if kind in self._rates:
                self._window((kind, who), int(now // self._rates[kind].get_expiry())).count += count

    def _count(self, kind: str, who: str) -> float:
        """Count a request, unless it is one too many: then return in how many seconds it would not be."""
        rate = self._rates.get(kind)
        if rate is None:
            return 0
        length = rate.get_expiry()
        number, elapsed = divmod(self._clock().timestamp(), length)
        window = self._window((kind, who), int(number))
        wait = _wait(window, rate.amount, elapsed / length)
        if wait <= 0:
            window.count += 1
            if self._tell is not None:
                self._untold[kind, who] += 1
        return wait * length

    def _window(self, key: tuple[str, str], number: int) -> _Window:
        window = self._windows.setdefault(key, _Window(number))
        self._windows.move_to_end(key)
        if len(self._windows) > self._most:
            self._windows.popitem(last=False)
        window.turn(number)
        return window


def _wait(window: _Window, amount: int, elapsed: float) -> float:
    """Return after how much of a window one more fits in; *elapsed* and the answer are shares of a window.

    The window before counts for the share of it that still lies within the last length of time.
    """
    room = amount - window.count
    if room <= 0:
        # From the next window on this one is the one before, and fades.
        return (1 - elapsed) + _A_MOMENT
    if window.before * (1 - elapsed) < room:
        return 0
    return (1 - elapsed) - room / window.before + _A_MOMENT

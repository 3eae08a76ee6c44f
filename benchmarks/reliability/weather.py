"""What goes wrong in a simulated world, and when: outages, lost answers, and the death of our own process."""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_KINDS = (
    ("api",),
    ("delivery",),
    ("webhooks",),
    ("api", "webhooks"),
    ("api", "delivery", "webhooks"),
)


class Killed(BaseException):
    """The process ends here: nobody catches this, nothing is tidied up."""


@dataclass(frozen=True, slots=True)
class Outage:
    """From *start* to *end*, in seconds, nothing is heard of what it is *of*."""

    start: float
    end: float
    of: tuple[str, ...]


class Weather:
    """*deadliness* multiplies how often our process dies."""

    def __init__(
        self, outages: Sequence[Outage], *, seconds: Callable[[], float], chance: random.Random, deadliness: float
    ) -> None:
        self.outages = outages
        self.is_dead = False
        self._seconds = seconds
        self._chance = chance
        self._deadliness = deadliness

    def is_out(self, what: str) -> bool:
        now = self._seconds()
        return any(what in outage.of and outage.start <= now < outage.end for outage in self.outages)

    def happens(self, share: float) -> bool:
        return self._chance.random() < share

    def may_kill(self, share: float = 0.0) -> None:
        """Raise `Killed` by chance, and ever after until the process is started anew."""
        if self.is_dead or self.happens(share * self._deadliness):
            self.is_dead = True
            raise Killed


def changeable(*, chance: random.Random, horizon: float, longest: float, calm: float) -> Iterator[Outage]:
    """Yield outages of every kind, up to *longest* seconds each, with *calm* seconds at least between two.

    An output lives for an hour after its job's end, so an outage of 45 minutes and a calm of 15 leave every output
    a time in which it can be fetched.
    """
    at, kinds = chance.uniform(0, calm), itertools.cycle(chance.sample(_KINDS, len(_KINDS)))
    while at < horizon:
        end = at + chance.uniform(longest / 2, longest)
        yield Outage(at, end, next(kinds))
        at = end + chance.uniform(calm, 3 * calm)

"""What failed lately and would fail again: told without being tried."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

from app.domain.errors import AppError

_MOST = 1_000
_SECONDS = 300.0


class RecentFailures:
    """Refusals by key, for five minutes; the oldest goes first."""

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: OrderedDict[Hashable, tuple[float, AppError]] = OrderedDict()

    def check(self, key: Hashable) -> None:
        """Raise what is remembered under *key*."""
        if key not in self._known:
            return
        until, refusal = self._known[key]
        if self._monotonic() < until:
            raise _copy(refusal)
        del self._known[key]

    def remember(self, key: Hashable, refusal: AppError) -> None:
        self._known[key] = (self._monotonic() + _SECONDS, _copy(refusal))
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)


def _copy(refusal: AppError) -> AppError:
    """Return the same refusal without its history, which would keep alive what was at hand when it was raised."""
    return type(refusal)(refusal.detail, field=refusal.field, retry_after=refusal.retry_after, details=refusal.details)

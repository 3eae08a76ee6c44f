"""The account's rate limits: 600 creates and 3000 other requests a minute, as a bucket that fills steadily."""

import math
from dataclasses import dataclass, field

from devkit.clock import FakeClock

_WINDOW = 60.0


@dataclass(slots=True, kw_only=True)
class Bucket:
    """*per_minute* requests; a refused one takes nothing."""

    clock: FakeClock
    per_minute: int
    enforced: bool = False
    _level: float = field(init=False)
    _filled_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._level = float(self.per_minute)
        self._filled_at = self.clock.monotonic()

    def take(self) -> bool:
        """Take one request; False if there is none left and that matters."""
        now = self.clock.monotonic()
        gained = (now - self._filled_at) * self.per_minute / _WINDOW
        self._level = min(float(self.per_minute), self._level + gained)
        self._filled_at = now
        if self._level < 1 and self.enforced:
            return False
        self._level = max(0.0, self._level - 1)
        return True

    @property
    def reset(self) -> int:
        """Seconds until there is one more, at least 1."""
        return max(1, math.ceil((1 - self._level) * _WINDOW / self.per_minute))

    def headers(self) -> dict[str, str]:
        return {"ratelimit-remaining": str(int(self._level)), "ratelimit-reset": str(self.reset)}

"""`RateLimiter` in this process's memory."""

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from app.domain.errors import RateLimited
from app.domain.ports import Clock


class MemoryRateLimiter:
    """*rates* are in the library's spelling, such as `1200/minute`, by the kind of request; empty means no limit."""

    def __init__(self, *, rates: dict[str, str], clock: Clock) -> None:
        self._rates: dict[str, RateLimitItem] = {kind: parse(rate) for kind, rate in rates.items() if rate}
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._clock = clock

    async def admit(self, kind: str, who: str) -> None:
        rate = self._rates.get(kind)
        if rate is None or await self._limiter.hit(rate, kind, who):
            return
        window = await self._limiter.get_window_stats(rate, kind, who)
        wait = max(1.0, window.reset_time - self._clock().timestamp())
        raise RateLimited(f"More than {rate} requests.", retry_after=wait)

"""What is written down of every answer, as on the long way: the rate, the read, the answer itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

from app.domain.ids import ImageId, UserId
from app.web.connections import holder
from app.web.hot.images import HotImage

_MOST_ADDRESSES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Keeps them, by what it was given."""

    admit: Callable[[str], bool]
    """Count a request of somebody; False, counting nothing, when it is one too many."""
    note: Callable[[UserId, ImageId], None]
    """An image was read."""
    vary: Callable[[], None]
    """What was read was a variant that is kept."""
    counter: Callable[[str, int], Callable[[float], None]]
    """What counts answers of a method and a status by their seconds; status 0 when the client left before the end."""
    _holders: dict[tuple[bytes | None, str], str] = field(default_factory=dict)
    _counters: dict[tuple[str, int], Callable[[float], None]] = field(default_factory=dict)

    def admits(self, named: bytes | None, address: str) -> bool:
        """Count a request from *address*; *named* is what a header says of who sent it, if one is believed."""
        holder_ = self._holders.get((named, address))
        if holder_ is None:
            if len(self._holders) >= _MOST_ADDRESSES:
                self._holders.clear()
            holder_ = self._holders[named, address] = holder(_last_address(named or b"") or address or "unknown")
        return self.admit(holder_)

    def read(self, found: HotImage, second: int) -> None:
        """Note that *found* is read in *second*; once is enough for each."""
        if found.read_at != second:
            found.read_at = second
            self.note(found.user, found.image)
        if found.original is not None:
            self.vary()

    def count(self, method: str, status: int, seconds: float) -> None:
        counter = self._counters.get((method, status))
        if counter is None:
            counter = self._counters[method, status] = self.counter(method, status)
        counter(seconds)


def _last_address(text: bytes) -> str | None:
    try:
        return str(ip_address(text.decode().rpartition(",")[2].strip()))
    except ValueError:
        return None

"""How many connections are open, in all and by address.  aiohttp has no bound of its own."""

from collections import Counter
from enum import Enum, auto
from ipaddress import IPv6Address, ip_address, ip_network

_ONE_CUSTOMER = 64


class Entry(Enum):
    """What becomes of a connection that was just opened."""

    ADMITTED = auto()
    ONE_TOO_MANY = auto()
    """Whoever opened it holds enough already."""
    FULL = auto()
    """Every place is taken."""


class Connections:
    """Counts open connections, and by whom they are held; either bound may be None, which is any number."""

    def __init__(self, *, most: int | None = None, most_per_address: int | None = None) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._all = 0
        self._open: Counter[str] = Counter()

    def enter(self, address: str) -> Entry:
        """Count one connection from *address* if it is admitted."""
        if self._most is not None and self._all >= self._most:
            return Entry.FULL
        if self._most_per_address is not None:
            who = holder(address)
            if self._open[who] >= self._most_per_address:
                return Entry.ONE_TOO_MANY
            self._open[who] += 1
        self._all += 1
        return Entry.ADMITTED

    def leave(self, address: str) -> None:
        """Take back one `enter` that admitted."""
        self._all -= 1
        if self._most_per_address is not None:
            who = holder(address)
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]


def holder(address: str) -> str:
    """Return whom *address* counts for: itself, or its /64 in IPv6, of which one customer has at least one."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((int(found), _ONE_CUSTOMER), strict=False))
    return str(found)

"""How many connections one address may hold open.  aiohttp has no bound of its own."""

from collections import Counter
from ipaddress import IPv6Address, ip_address, ip_network

_ONE_CUSTOMER = 64


class Connections:
    """Counts open connections by who holds them; *limit* None lets everyone in."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count one connection from *address*; False, counting nothing, when it is one too many."""
        if self._limit is None:
            return True
        who = holder(address)
        if self._open[who] >= self._limit:
            return False
        self._open[who] += 1
        return True

    def leave(self, address: str) -> None:
        """Take back one `enter` that was True."""
        if self._limit is None:
            return
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

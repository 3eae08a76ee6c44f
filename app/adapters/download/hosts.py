"""The names of hosts, and the rules that say which of them are sources."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Self

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_RULE = re.compile(r"(?P<below>\*\.)?(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]{1,5}))?")
_MAX_NAME = 253
_NOT_IN_PUBLIC = {"localhost", "local", "internal", "arpa"}


def is_address(host: str) -> bool:
    """Tell whether *host* is an IP literal in its one canonical spelling, without brackets."""
    try:
        return str(ip_address(host)) == host and "%" not in host
    except ValueError:
        return False


def is_name(host: str) -> bool:
    """Tell whether *host* is a lower-case DNS name (RFC 1123 2.1) that nothing can read as a number.

    `getaddrinfo` takes `0x7f.1` and `127.1` for addresses; what makes a name one of those is its last label
    (WHATWG URL, "ends in a number").
    """
    labels = host.split(".")
    if len(host) > _MAX_NAME or _NUMBER.fullmatch(labels[-1]):
        return False
    return all(_LABEL.fullmatch(label) for label in labels)


def is_public_name(host: str) -> bool:
    """Tell whether *host* can be a name in the public DNS: dotted, under no special-use top level (RFC 6761)."""
    top = host.rpartition(".")[2]
    return is_name(host) and top != host and top not in _NOT_IN_PUBLIC


@dataclass(frozen=True, slots=True)
class HostRule:
    """One entry of the allow-list: `example.com` (and all below it), `*.example.com` (only below) or an IP literal.

    Each may end in `:port`; without one, any port that is allowed at all will do.
    """

    host: str
    port: int | None
    includes_itself: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rule spelled by *text*, or raise `ValueError`."""
        spelled = text.strip().lower()
        match = _RULE.fullmatch(f"[{spelled}]" if is_address(spelled) else spelled)
        host = _canonical(match["host"]) if match else None
        if match is None or host is None or (match["below"] and not is_name(host)):
            raise ValueError(f"{text!r} is no host, *.host or host:port")
        return cls(host, int(match["port"]) if match["port"] else None, match["below"] is None)

    def admits(self, host: str, port: int) -> bool:
        """Tell whether the rule names *host*, which is a sound name or address already."""
        if self.port is not None and self.port != port:
            return False
        if host == self.host:
            return self.includes_itself
        return host.endswith("." + self.host)


def _canonical(host: str) -> str | None:
    """Return a rule's host as a parsed URL would spell it, or None."""
    try:
        return str(ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        return host if is_name(host) else None

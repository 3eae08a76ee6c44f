"""Which addresses are on the public internet.

The table is our own: `ipaddress.is_global` says yes to multicast, NAT64 and `::127.0.0.1`, and its answers change
between Python versions, so it is only one more condition.  An IPv6 form that carries an IPv4 address is refused
whole, whatever it carries: no image host is reached through one.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_PUBLIC_4 = (
    IPv4Network("0.0.0.0/8"),  # this network, RFC 1122 3.2.1.3
    IPv4Network("10.0.0.0/8"),  # private, RFC 1918
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT, RFC 6598; metadata of some clouds
    IPv4Network("127.0.0.0/8"),  # loopback, RFC 1122 3.2.1.3
    IPv4Network("168.63.129.16/32"),  # a cloud's wire server; global by the books, never on the internet
    IPv4Network("169.254.0.0/16"),  # link-local, RFC 3927; metadata of most clouds
    IPv4Network("172.16.0.0/12"),  # private, RFC 1918
    IPv4Network("192.0.0.0/24"),  # protocol assignments, RFC 6890
    IPv4Network("192.0.2.0/24"),  # documentation, RFC 5737
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, RFC 7526
    IPv4Network("192.168.0.0/16"),  # private, RFC 1918
    IPv4Network("198.18.0.0/15"),  # benchmarking, RFC 2544
    IPv4Network("198.51.100.0/24"),  # documentation, RFC 5737
    IPv4Network("203.0.113.0/24"),  # documentation, RFC 5737
    IPv4Network("224.0.0.0/4"),  # multicast, RFC 1112
    IPv4Network("240.0.0.0/4"),  # reserved, RFC 1112; broadcast, RFC 919
)

_NOT_PUBLIC_6 = (
    IPv6Network("::/96"),  # unspecified, loopback and IPv4-compatible, RFC 4291 2.5
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped, RFC 4291 2.5.5.2
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated (SIIT), RFC 2765
    IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of a local network, RFC 8215
    IPv6Network("100::/64"),  # discard, RFC 6666
    IPv6Network("100:0:0:1::/64"),  # dummy prefix, RFC 9780
    IPv6Network("2001::/23"),  # protocol assignments, RFC 2928; Teredo, RFC 4380; ORCHID, RFC 7343
    IPv6Network("2001:db8::/32"),  # documentation, RFC 3849
    IPv6Network("2002::/16"),  # 6to4, RFC 3056
    IPv6Network("3ffe::/16"),  # the former 6bone, RFC 3701
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
    IPv6Network("5f00::/16"),  # segment routing, RFC 9602
    IPv6Network("fc00::/7"),  # unique local, RFC 4193
    IPv6Network("fe80::/10"),  # link-local, RFC 4291 2.5.6
    IPv6Network("fec0::/10"),  # site-local, RFC 3879
    IPv6Network("ff00::/8"),  # multicast, RFC 4291 2.7
)

_LOCAL_4 = tuple(map(IPv4Network, ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_LOCAL_6 = tuple(map(IPv6Network, ("::1/128", "fc00::/7")))

_ISATAP = 0x0000_5EFE
_UNIVERSAL_AND_GROUP_BITS = 0x0300_0000


def is_public(address: str) -> bool:
    """Tell whether the numeric *address* is a unicast one on the public internet; False for anything unreadable."""
    parsed = _parse(address)
    if isinstance(parsed, IPv4Address):
        return parsed.is_global and not any(parsed in network for network in _NOT_PUBLIC_4)
    if isinstance(parsed, IPv6Address):
        refused = _is_isatap(parsed) or any(parsed in network for network in _NOT_PUBLIC_6)
        return parsed.is_global and not refused
    return False


def is_local(address: str) -> bool:
    """Tell whether *address* is a loopback or private one; never a link-local (metadata) or wrapped one."""
    parsed = _parse(address)
    if isinstance(parsed, IPv4Address):
        return any(parsed in network for network in _LOCAL_4)
    return parsed is not None and any(parsed in network for network in _LOCAL_6)


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    # A zone only means something on this machine's own links.
    return None if "%" in address else parsed


def _is_isatap(address: IPv6Address) -> bool:
    """RFC 5214 6.1: any prefix may carry an IPv4 address behind the interface id `[02]00:5efe`."""
    interface = (int(address) >> 32) & 0xFFFF_FFFF
    return interface & ~_UNIVERSAL_AND_GROUP_BITS == _ISATAP

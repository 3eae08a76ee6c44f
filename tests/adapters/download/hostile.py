"""Everything a source must not be, generated: targets, their spellings, and what can be wrapped around them."""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address

ALLOWED = ("replicate.delivery", "*.fal.media", "storage.googleapis.com")

_NETWORKS_4 = (
    *("0.0.0.0/0.255.255.255", "10.0.0.0/10.255.255.255", "100.64.0.0/100.127.255.255"),
    *("127.0.0.0/127.255.255.255", "169.254.0.0/169.254.255.255", "172.16.0.0/172.31.255.255"),
    *("192.0.0.0/192.0.0.255", "192.0.2.0/192.0.2.255", "192.88.99.0/192.88.99.255"),
    *("192.168.0.0/192.168.255.255", "198.18.0.0/198.19.255.255", "198.51.100.0/198.51.100.255"),
    *("203.0.113.0/203.0.113.255", "224.0.0.0/239.255.255.255", "240.0.0.0/255.255.255.255"),
)
TARGETS_4 = (
    *(edge for network in _NETWORKS_4 for edge in network.split("/")),
    *("127.0.0.1", "100.100.100.200", "168.63.129.16", "169.254.169.254", "169.254.170.2", "192.0.0.192"),
)
TARGETS_6 = (
    *("::", "::1", "fc00::", "fd00:ec2::254", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "feff::1"),
    *("ff00::1", "ff02::1", "ffff::1", "2001:db8::1", "2001:db8:ffff::1", "3fff::1", "3fff:fff::1", "5f00::1"),
    *("100::1", "100:0:0:1::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1", "3ffe::1"),
)

WRAPPERS: dict[str, Callable[[IPv4Address], str]] = {
    "mapped": lambda v4: f"::ffff:{v4}",
    "compatible": lambda v4: str(IPv6Address(int(v4))),
    "translated": lambda v4: f"::ffff:0:{v4}",
    "nat64": lambda v4: f"64:ff9b::{v4}",
    "local nat64": lambda v4: f"64:ff9b:1::{v4}",
    "6to4": lambda v4: str(IPv6Address((0x2002 << 112) | (int(v4) << 80) | 1)),
    "teredo": lambda v4: str(IPv6Address((0x20010000 << 96) | (int(v4) ^ 0xFFFFFFFF))),
    "isatap": lambda v4: f"2a00:1450::5efe:{v4}",
    "global isatap": lambda v4: f"2a00:1450::200:5efe:{v4}",
}

FORBIDDEN_ADDRESSES = (
    *TARGETS_4,
    *TARGETS_6,
    *(wrap(IPv4Address(target)) for wrap in WRAPPERS.values() for target in TARGETS_4),
)

INTERNAL_NAMES = (
    *("localhost", "LOCALHOST", "localhost.", "a.localhost", "ip6-localhost", "metadata", "instance-data"),
    *("metadata.google.internal", "holdfast.railway.internal", "kubernetes.default", "kubernetes.default.svc"),
    *("127.0.0.1.nip.io", "printer.local", "router.home.arpa", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "\uff4cocalhost"),
)


def spellings(target: str) -> Iterator[str]:
    """Yield the ways to write an IPv4 address that some parser somewhere understands."""
    number, octets = int(IPv4Address(target)), target.split(".")
    a, b, c, d = map(int, octets)
    yield from (target, f"{target}.", str(number), str(number + 2**32), hex(number), hex(number).upper())
    yield from (f"0{number:o}", f"{a}.{number & 0xFFFFFF}", f"{a}.{b}.{number & 0xFFFF}")
    yield from (".".join(f"0{int(o):o}" for o in octets), ".".join(f"{int(o):08o}" for o in octets))
    yield from (".".join(hex(int(o)) for o in octets), f"{a}.{b}.{c}.{d:#x}", f"{a:#x}.{b}", f"{a:#x}.0{b:o}.{c}.{d}")
    yield from (".".join(o.zfill(3) for o in octets), f"{a + 256}.{b}.{c}.{d}", f"{a}.{b}.{c}.{d + 256}")
    yield from (target.replace(".", "。"), target.replace(".", "\uff0e"), target.replace(".", "\uff61"))
    for zero in (0xFF10, 0x0660, 0x1D7CE):
        yield "".join(chr(zero + int(ch)) if ch.isdigit() else ch for ch in target)
    yield "".join(chr(0x245F + int(ch)) if ch in "123456789" else "⓪" if ch == "0" else ch for ch in target)
    yield from (target.replace(".", "%2e"), target.replace(".", "%252e"), f"{target}%00", f"{target}%2f")
    for wrap in WRAPPERS.values():
        yield from spellings_6(wrap(IPv4Address(target)))


def spellings_6(target: str) -> Iterator[str]:
    """Yield the ways to write an IPv6 address in a URL."""
    address = IPv6Address(target)
    short, long = str(address), address.exploded
    yield from (
        f"[{short}]",
        f"[{long}]",
        f"[{long.upper()}]",
        f"[{short}%25lo]",
        f"[{short}%lo]",
        f"[{short}].",
        short,
    )


def wrapped(good: str, bad: str) -> Iterator[str]:
    """Yield URLs in which one parser sees *good* and another may see *bad*."""
    yield from (f"https://{good}@{bad}/a.png", f"https://{good}:pw@{bad}/a.png", f"https://{good}%40{bad}/a.png")
    yield from (f"https://{good}%2f@{bad}/a.png", f"https://{good}%00@{bad}/", f"https://{good}\\@{bad}/a.png")
    yield from (f"https://{bad}\\@{good}/a.png", f"https://{bad}/\\{good}/a.png", f"https://{bad}#@{good}/a.png")
    yield from (
        f"https://{bad}?@{good}/a.png",
        f"https://{bad}@{good}/",
        f"https://{good}.{bad}/",
        f"https://{bad}:443/",
    )
    yield from (f"https:///{bad}/", f"https:{bad}/", f"https:/{bad}/", f"//{bad}/", f"https:\\\\{bad}/", bad)
    yield from (
        f"https://{good} {bad}/",
        f"https://{good}\t.{bad}/",
        f"https://{good}\r\n{bad}/",
        f"https://{good}\0{bad}/",
    )
    yield from (f"HTTPS://{bad}/a.png", f"hTtPs://{bad}/", f" https://{bad}/", f"https://{good}:80@{bad}/")


def tricks(good: str) -> Iterator[str]:
    """Yield URLs that look like *good* and are not, or name it in a way it is not allowed."""
    lookalike, wide, dots = good.replace("e", "\u0435"), good.replace("e", "\uff45"), good.replace(".", "\u3002")
    hosts = [f"{good}.evil.com", f"evil{good}", f"{good}@evil.com", f"{good}.", f".{good}", f"..{good}", f"-.{good}"]
    hosts += [lookalike, wide, dots, f"%72{good}", f"[{good}]", f"{'a' * 64}.{good}", f"{'a.' * 130}{good}"]
    hosts += [f"@{good}", f":@{good}", f"u:p@{good}", f"{good}\n", f"{good}\\"]
    ports = ("", "0", "80", "8443", "65536", "443:80", "+443", "0443", " 443", "\uff14\uff14\uff13", "x")
    rests = ("/a\tb", "/a b", "/\x7f", "/\x00", "/\ud800", "/a\\b", "/\u2028")
    yield from (f"https://{host}/" for host in hosts)
    yield from (f"https://{good}:{port}/" for port in ports)
    yield from (f"https://{good}{rest}" for rest in rests)
    yield from (f"http://{good}/", f"http://{good}:443/")


def other_schemes(good: str) -> Iterator[str]:
    names = "file ftp gopher dict ldap tftp sftp jar netdoc blob javascript ws wss unix s3 about view-source"
    for scheme in names.split():
        yield from (f"{scheme}://{good}/a.png", f"{scheme}:{good}", f"{scheme.upper()}:///etc/passwd")
    yield from (f"jar:https://{good}!/a", f"//{good}/a.png", f"/{good}/a.png", f"{good}/a.png", f"{good}:443/a.png")


def hostile_urls() -> Iterator[str]:
    """Yield several thousand URLs, none of which may be admitted where `ALLOWED` is the list."""
    hosts = [spelling for target in TARGETS_4 for spelling in spellings(target)]
    hosts += [spelling for target in TARGETS_6 for spelling in spellings_6(target)]
    for host in (*hosts, *INTERNAL_NAMES):
        yield from (f"https://{host}/a.png", f"http://{host}/a.png", f"https://{host}:443/")
        yield from wrapped("replicate.delivery", host)
    for good in ("replicate.delivery", "storage.googleapis.com"):
        yield from tricks(good)
        yield from other_schemes(good)

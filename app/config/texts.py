"""Readers of hosts, URLs, paths, keys and other names.  As in `numbers`, no message repeats what it refuses."""

import base64
import binascii
import ipaddress
import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import limits

SQLITE = "sqlite+aiosqlite:///"

_SHORTEST_WEBHOOK_KEY = 16

# RFC 1123 2.1, and no last label that makes `getaddrinfo` read the name as an address, such as 127.1 or 0x7f.
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*(?!([0-9]+|0x[0-9a-f]*)$){_LABEL}")
_PORT = re.compile(r"(?<=[a-z0-9\]]):[1-9][0-9]{0,4}$")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")


def legible(text: str) -> str:
    """Return *text* if headers, paths and logs can carry it, else raise `ValueError`."""
    if not text.isprintable():
        raise ValueError("has a line break, a control character or broken text in it.")
    return text


def is_loopback(host: str) -> bool:
    """Tell whether only programs on this machine can reach *host*."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def keys(text: str) -> tuple[str, ...]:
    entries = tuple(entry.strip() for entry in text.split(",")) if text else ()
    if any(not entry or not entry.isascii() or " " in entry for entry in entries):
        raise ValueError("must be keys separated by commas, each of them ASCII without spaces, none empty.")
    if len(set(entries)) < len(entries):
        raise ValueError("has the same key twice.")
    return entries


def secret(text: str) -> str:
    if not text.isascii() or " " in text:
        raise ValueError("must be ASCII without spaces.")
    return text


def webhook_secret(text: str) -> str:
    """Read a secret of Standard Webhooks; under any other, all webhooks would be refused, or one could be guessed."""
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith("whsec_") or len(key) < _SHORTEST_WEBHOOK_KEY:
        raise ValueError("must be whsec_ and at least 16 bytes as base64, just as the provider shows it.")
    return text


def host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        if not _HOST_NAME.fullmatch(text.lower()):
            raise ValueError("must be an address or a host name, without scheme and port.") from None
        return text.lower()


def hosts(text: str) -> tuple[str, ...]:
    """Read `name` (and all below it) or `*.name` (only below it), each with or without `:port`."""
    entries = tuple(entry.strip().lower() for entry in text.split(","))
    if not all(_is_host_rule(entry) for entry in entries):
        raise ValueError("must be hosts such as a.example or *.a.example, separated by commas.")
    return entries


def hosts_or_none(text: str) -> tuple[str, ...]:
    return hosts(text) if text else ()


def _is_host_rule(entry: str) -> bool:
    if entry.startswith("*."):
        return bool(_HOST_NAME.fullmatch(_PORT.sub("", entry[2:])))
    return _is_host(entry) or _is_host(_PORT.sub("", entry))


def _is_host(text: str) -> bool:
    try:
        return bool(host(text))
    except ValueError:
        return False


def origin(text: str) -> str:
    url = web_address(text)
    if url.path.strip("/"):
        raise ValueError("must be an http or https URL without a path, such as https://images.example.")
    return f"{url.scheme}://{url.netloc}"


def api(text: str) -> str:
    """Read the address of an API whose version is not part of it: a `/v1` at the end is dropped."""
    url = web_address(text)
    path = url.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{url.scheme}://{url.netloc}{path}"


def web_address(text: str) -> SplitResult:
    """Return *text* taken apart, or raise `ValueError`."""
    try:
        url = urlsplit(text)
        legal = url.scheme in {"http", "https"} and url.port != 0 and _is_host(url.hostname or "")
    except ValueError:
        legal = False
    if not legal or {"@", "?", "#"} & set(text):
        raise ValueError("must be an http or https URL without credentials, query and fragment.")
    return urlsplit(text)


def folder(text: str) -> Path:
    path = Path(text).absolute()
    if path.parent == path.parent.parent or "?" in text:
        raise ValueError("must be a folder in a folder, such as /data/images: the database lies beside it.")
    return path


def database(text: str) -> str:
    driver, _, rest = text.partition("://")
    file = rest.removeprefix("/")
    if driver in {"sqlite", "sqlite+aiosqlite"} and file and file != ":memory:" and "?" not in file:
        return f"{SQLITE}{Path(file).absolute()}"
    if driver.startswith("postgresql") and rest:
        return text
    raise ValueError("must name a file, as in sqlite+aiosqlite:////data/holdfast.db.")


def rate(text: str) -> str:
    try:
        rates = limits.parse_many(text)
    except ValueError:
        rates = []
    if not rates or any(item.amount < 1 for item in rates):
        raise ValueError("must be a rate such as 1200/minute, or empty for none.")
    return text


def header(text: str) -> str:
    if not _HEADER.fullmatch(text):
        raise ValueError("must be the name of a header, such as X-Real-IP.")
    return text

"""Which URLs may be fetched, and which addresses may be dialled for them.

A URL is parsed once, and its authority must be spelled exactly as it was understood: every trick that makes two
parsers disagree (credentials, other digits, other dots, odd ports) is a second spelling, and is refused as one.
"""

import re
from collections.abc import Sequence
from urllib.parse import urljoin

from yarl import URL

from app.adapters.download.addresses import is_local, is_public
from app.adapters.download.hosts import HostRule, is_address, is_name, is_public_name
from app.domain.errors import InvalidInput, SourceNotAllowed

MAX_URL_LENGTH = 8192

_HTTPS = 443
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PARTS = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)(?P<rest>[^#]*)(?:#.*)?", re.IGNORECASE | re.DOTALL)
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]|\s")
_PLAIN = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*")  # the characters of RFC 3986


class SourcePolicy:
    """The allow-list of hosts.  With *allow_private* it may also name local addresses, plain http and other ports."""

    def __init__(self, *, allowed_hosts: Sequence[str], allow_private: bool) -> None:
        """Raise `ValueError` for an entry that is no host, `*.host` or `host:port`."""
        self._rules = tuple(HostRule.parse(entry) for entry in allowed_hosts)
        self._allow_private = allow_private

    def parse(self, text: str) -> URL:
        """Return *text* as the URL to request, its path and query untouched.

        Raise `InvalidInput` when it is no absolute URL, `SourceNotAllowed` for everything else that is refused.
        """
        url, spelled = _split(text)
        if spelled != _authority(url) or not self._admits(url):
            raise SourceNotAllowed
        return _verbatim(url, text)

    def follow(self, url: URL, location: str) -> URL:
        """Return where a redirect from *url* to *location* leads, or raise `SourceNotAllowed`."""
        if not location or _UNSAFE.search(location):
            raise SourceNotAllowed
        try:
            # Joined as text: a signed URL survives only if nobody re-quotes it.
            target = self.parse(location if _SCHEME.match(location) else urljoin(str(url), location))
        except (InvalidInput, ValueError):
            raise SourceNotAllowed from None
        if url.scheme == "https" and target.scheme != "https":
            raise SourceNotAllowed
        return target

    def may_dial(self, address: str, port: int) -> bool:
        """Tell whether a connection to the numeric *address* may be opened, whatever name led there."""
        if self._allow_private:
            return is_public(address) or is_local(address)
        return is_public(address) and port == _HTTPS

    def _admits(self, url: URL) -> bool:
        host, port = url.raw_host or "", url.port or 0
        if self._allow_private:
            is_sound = (is_name(host) or is_address(host)) and port > 0
        else:
            is_sound = is_public_name(host) and url.scheme == "https" and port == _HTTPS
        return is_sound and any(rule.admits(host, port) for rule in self._rules)


def _split(text: str) -> tuple[URL, str]:
    """Return *text* parsed, and its authority in lower case as it was spelled."""
    scheme = _SCHEME.match(text)
    if scheme is None or len(text) > MAX_URL_LENGTH:
        raise InvalidInput("That is no absolute URL of a reasonable length.", field="url")
    if scheme[1].lower() not in {"http", "https"} or _UNSAFE.search(text):
        raise SourceNotAllowed
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise InvalidInput("That URL names no host.", field="url")
    try:
        return URL(text), parts["authority"].lower()
    except ValueError:
        raise InvalidInput("That is no URL.", field="url") from None


def _authority(url: URL) -> str:
    host = url.raw_host or ""
    bracketed = f"[{host}]" if ":" in host else host
    return bracketed if url.explicit_port is None else f"{bracketed}:{url.explicit_port}"


def _verbatim(url: URL, text: str) -> URL:
    """Return *url* with path and query as they were written: re-quoting them can break a signature."""
    parts = _PARTS.fullmatch(text)
    if parts is None or not _PLAIN.fullmatch(parts["rest"]):
        return url.with_fragment(None)
    return URL(f"{url.scheme}://{_authority(url)}{parts['rest']}", encoded=True)

"""Reads the head of a plain GET or HEAD of an image, or leaves it to the server's real parser.

This is no second HTTP parser: it knows one narrow form, in which a head has exactly one meaning (RFC 9112 §2-5), and
whatever is not letter for letter in that form is not read here.
"""

import re
from typing import NamedTuple

from multidict import CIMultiDict

from app.web.finishing import REQUEST_ID

_LONGEST = 4096
_MOST_KNOWN = 512
_HEAD = re.compile(
    # No escapes, no absolute targets; no folded lines, no bytes beyond ASCII, no control characters.
    rb"(?P<method>GET|HEAD) (?P<target>/v1/images/hosted/[A-Za-z0-9_.@+=~/?&%-]{1,512}) HTTP/1\.1\r\n"
    rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e]*\r\n){1,64}\r\n"
)
_CONDITIONS = frozenset({b"range", b"if-range", b"if-match", b"if-none-match"})
# What depends on the time of day is worked out anew each time.
_DATED = frozenset({b"if-modified-since", b"if-unmodified-since", b"if-range"})
_NAMES = (
    rb"host|connection|expect|upgrade|transfer-encoding|content-length|content-encoding|range|if-range|if-match"
    rb"|if-none-match|if-modified-since|if-unmodified-since|x-railway-request-id"
)


class Head(NamedTuple):
    """The head of a request without a body, as far as it can change the answer."""

    method: str
    target: bytes
    host: bytes
    conditions: tuple[tuple[bytes, bytes], ...]
    """Ranges and preconditions, as they came."""
    is_dated: bool
    """Whether the answer to the conditions depends on the time."""
    range: str | None
    """What `Range` says, in a GET without any other condition."""
    request_id: bytes | None
    address: bytes | None
    """The value of the header that names the client's address, where there is such a header."""

    def headers(self) -> CIMultiDict[str]:
        """Return the conditions as the plan reads them."""
        return CIMultiDict((name.decode(), value.decode()) for name, value in self.conditions)


class HeadReader:
    """*address_header* names the header the client's address is taken from, if any is."""

    def __init__(self, *, address_header: str | None) -> None:
        self._address_header = address_header.lower().encode() if address_header else None
        own = b"|" + re.escape(self._address_header) if self._address_header else b""
        # A client asks in the same words again and again.
        self._known: dict[bytes, Head] = {}
        self._telling = re.compile(rb"(?im)^(" + _NAMES + own + rb"):[\t ]*(.*?)[\t ]*\r$")

    def find(self, data: bytes) -> Head | None:
        """Return the head *data* is, if it is exactly one, of the narrow form, and needs nothing but its image."""
        known = self._known.get(data)
        if known is not None:
            return known
        whole = _HEAD.fullmatch(data) if len(data) <= _LONGEST else None
        if whole is None:
            return None
        head = self._read(whole["method"].decode(), whole["target"], self._telling.findall(data))
        # With an id in it these words never come again.
        if head is not None and head.request_id is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[data] = head
        return head

    def _read(self, method: str, target: bytes, fields: list[tuple[bytes, bytes]]) -> Head | None:
        single: dict[bytes, bytes] = {}
        conditions: list[tuple[bytes, bytes]] = []
        is_dated = False
        for name, value in fields:
            name = name.lower()  # noqa: PLW2901 - it means the same
            if name in _CONDITIONS or name in _DATED:
                conditions.append((name, value))
                is_dated = is_dated or name in _DATED
            elif name in single or not self._is_plain(name, value):
                return None
            else:
                single[name] = value
        host = single.get(b"host")
        if host is None:
            return None
        address = single.get(self._address_header) if self._address_header else None
        request_id = single.get(b"x-railway-request-id")
        asked = tuple(conditions)
        return Head(method, target, host, asked, is_dated, _only_range(method, asked), request_id, address)

    def _is_plain(self, name: bytes, value: bytes) -> bool:
        if name == b"connection":
            return value.lower() == b"keep-alive"
        if name == b"x-railway-request-id":
            return REQUEST_ID.fullmatch(value.decode()) is not None
        return name in {b"host", self._address_header}


def _only_range(method: str, conditions: tuple[tuple[bytes, bytes], ...]) -> str | None:
    if method != "GET" or len(conditions) != 1:
        return None
    name, value = conditions[0]
    return value.decode() if name == b"range" else None

"""Whom a request is meant for (RFC 9110 §7.2), judged before anything is made of it."""

import re
from ipaddress import ip_address

from aiohttp import hdrs, web

from app.web.errors import MalformedRequest

_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?")
_OTHER_TARGETS = frozenset({hdrs.METH_CONNECT, hdrs.METH_OPTIONS})
# No fragment (RFC 9112 §3.2), no scheme that is not ours, nobody's password.
_TARGET = re.compile(r"/[^#]*|https?://[^/?#@]*([/?][^#]*)?", re.IGNORECASE)
_LAST_PORT = 65535


def named_host(request: web.BaseRequest) -> str:
    """Return the host *request* is sent to, lower-case and without brackets; raise `MalformedRequest`.

    That is the host of an absolute target, else of `Host`, else the address it arrived at (HTTP/1.0).  A `Host` that
    does not count has to be right all the same, for whoever reads the request before us may go by it.
    """
    if request.method not in _OTHER_TARGETS and not _TARGET.fullmatch(request.raw_path):
        raise MalformedRequest("The request names no valid target.")
    _host(request.headers.get(hdrs.HOST, request.host))
    return _host(request.host)


def _host(authority: str) -> str:
    found = _AUTHORITY.fullmatch(authority)
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        raise MalformedRequest("The request names no valid host.")
    return found["host"].strip("[]").lower()


def is_this_machine(host: str) -> bool:
    """Tell whether *host* is a name or an address of loopback."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

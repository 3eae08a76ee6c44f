"""What every response carries, whoever made it."""

import re
from http import HTTPStatus
from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from multidict import CIMultiDict

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""An id that the platform's edge may give a request."""

_HSTS = "max-age=63072000"


def finish(response: web.StreamResponse, *, request_id: str | None = None, is_https: bool = False) -> None:
    """Give *response* what it must not be without, and take away what tells too much.

    *is_https*: browsers are told to come by https only, for two years.
    """
    complete(response.headers, is_https=is_https)
    if request_id is not None:
        response.headers["X-Request-Id"] = request_id
    if response.status == HTTPStatus.REQUEST_TIMEOUT:
        # Whoever was too slow once is not waited for again on this connection (RFC 9110 §15.5.9).
        end_connection(response)


def answer_as_http_1_1(request: web.BaseRequest) -> None:
    """Let the answer to *request* name our version (RFC 9110 §6.2), where aiohttp would echo what it was sent."""
    request._cache["version"] = HttpVersion11  # noqa: SLF001 (there is no other way)


def end_connection(response: web.StreamResponse) -> None:
    """Let *response*, which is about to be sent, be the last of its connection, and say so."""
    response.headers[hdrs.CONNECTION] = "close"
    response.force_close()


def complete(headers: CIMultiDict[str], *, is_https: bool) -> None:
    """Give *headers* what every response has, but for what is of one request only."""
    headers[hdrs.SERVER] = "holdfast"
    headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if is_https:
        headers.setdefault("Strict-Transport-Security", _HSTS)

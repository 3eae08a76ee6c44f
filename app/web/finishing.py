"""What every response carries, whoever made it."""

from http import HTTPStatus

from aiohttp import hdrs, web

_HSTS = "max-age=63072000"


def finish(response: web.StreamResponse, *, request_id: str | None = None, is_https: bool = False) -> None:
    """Give *response* what it must not be without, and take away what tells too much.

    *is_https*: browsers are told to come by https only, for two years.
    """
    response.headers[hdrs.SERVER] = "holdfast"
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if is_https:
        response.headers.setdefault("Strict-Transport-Security", _HSTS)
    if request_id is not None:
        response.headers["X-Request-Id"] = request_id
    if response.status == HTTPStatus.REQUEST_TIMEOUT:
        # Whoever was too slow once is not waited for again on this connection (RFC 9110 §15.5.9).
        response.headers[hdrs.CONNECTION] = "close"
        response.force_close()

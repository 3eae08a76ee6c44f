"""The aiohttp application: routes, middlewares, and what every response carries."""

import logging
import re
from ipaddress import ip_address
from time import monotonic
from uuid import uuid4

from aiohttp import hdrs, web
from yarl import URL

from app.logs import request_id as current_request
from app.web.errors import Handler, MisdirectedRequest, UnsupportedMediaType, as_problems
from app.web.keys import DESCRIPTION, OPTIONS, SERVICES, Services, WebOptions
from app.web.openapi import describe
from app.web.routes import ROUTES

log = logging.getLogger("app.access")


REQUEST_ID = web.RequestKey("request_id", str)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def application(services: Services, options: WebOptions) -> web.Application:
    """Return the application, ready to be run; the life of *services* is the caller's business."""
    app = web.Application(middlewares=[_logged, as_problems, _well_meant], client_max_size=options.max_body)
    app[SERVICES] = services
    app[OPTIONS] = options
    app[DESCRIPTION] = describe(ROUTES)
    app.router.add_routes([route.definition() for route in ROUTES])
    app.on_response_prepare.append(_finish)
    return app


@web.middleware
async def _logged(request: web.Request, handler: Handler) -> web.StreamResponse:
    started = monotonic()
    request[REQUEST_ID] = _request_id(request)
    token = current_request.set(request[REQUEST_ID])
    status = 0
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        told = {
            "method": request.method,
            "path": request.path,
            "status": status,
            "milliseconds": round((monotonic() - started) * 1000, 1),
        }
        # Probes every few seconds would drown the rest.
        level = logging.DEBUG if request.path in {"/livez", "/readyz"} else logging.INFO
        log.log(level, "%s %s %s", request.method, request.path, status, extra=told)
        current_request.reset(token)


def _request_id(request: web.Request) -> str:
    """Return the id the platform's edge gave the request, so that its logs and ours meet, or a new one."""
    given = request.headers.get("X-Railway-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid4().hex


@web.middleware
async def _well_meant(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what no handler should have to think of."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise UnsupportedMediaType("Bodies with a Content-Encoding are not accepted.")
    if request.app[SERVICES].access.is_open and not _is_local(request):
        # Without keys we trust whoever is on this machine; a page in its browser that has its own name
        # resolved to us is not that.
        raise MisdirectedRequest("This service answers to its own address only; set API_KEYS to open it.")
    return await handler(request)


def _is_local(request: web.Request) -> bool:
    host = URL.build(scheme="http", authority=request.host).host or ""
    public = request.app[OPTIONS].base_url
    if host == "localhost" or host.endswith(".localhost") or (public and host == URL(public).host):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _finish(request: web.Request, response: web.StreamResponse) -> None:
    """Give every response what it must not be without, and take away what tells too much."""
    response.headers[hdrs.SERVER] = "holdfast"
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]

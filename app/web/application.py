"""The aiohttp application: routes, middlewares, and what every response carries."""

import logging
from http import HTTPStatus
from time import monotonic
from uuid import uuid4

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from yarl import URL

from app.logs import request_id as current_request
from app.web.authority import is_this_machine, named_host
from app.web.errors import (
    ExpectationFailed,
    Handler,
    MalformedRequest,
    MisdirectedRequest,
    UnsupportedMediaType,
    as_problems,
)
from app.web.finishing import REQUEST_ID as GIVEN_ID
from app.web.finishing import answer_as_http_1_1, end_connection, finish
from app.web.hot.lane import Lane
from app.web.keys import DESCRIPTION, LANE, OPTIONS, PAGES, SERVICES, Services, WebOptions
from app.web.openapi import describe
from app.web.pages.loading import load
from app.web.routes import table

log = logging.getLogger("app.access")

REQUEST_ID = web.RequestKey("request_id", str)
# Asked for every few seconds: they would drown the rest.
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})


def application(services: Services, options: WebOptions, lane: Lane | None = None) -> web.Application:
    """Return the application, ready to be run; the life of *services* is the caller's business."""
    app = web.Application(middlewares=[_observed, as_problems, _well_meant], client_max_size=options.max_body)
    app[SERVICES] = services
    app[OPTIONS] = options
    if lane is not None:
        app[LANE] = lane
    routes = table(options.chat.serve_path)
    app[DESCRIPTION] = description = describe(routes)
    app[PAGES] = load(description, is_open=services.access.is_open)
    app.router.add_routes([route.definition() for route in routes])
    app.on_response_prepare.append(_finish)
    return app


@web.middleware
async def _observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log and count the request, whatever becomes of it."""
    started = monotonic()
    request[REQUEST_ID] = _request_id(request)
    token = current_request.set(request[REQUEST_ID])
    status = 0
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        seconds = monotonic() - started
        _tell(request, status, seconds)
        request.app[SERVICES].metrics.request_answered(
            method=request.method, route=_template(request), status=status, seconds=seconds
        )
        current_request.reset(token)


def _tell(request: web.Request, status: int, seconds: float) -> None:
    told = {
        "method": request.method,
        "path": request.path,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
    }
    log.log(_level(request, status), "%s %s %s", request.method, request.path, status, extra=told)


def _level(request: web.Request, status: int) -> int:
    """Return how loud a request is: serving images is what we are for, so it is counted and not told."""
    is_served = request.method in {"GET", "HEAD"} and "image" in request.match_info and status < HTTPStatus.BAD_REQUEST
    return logging.DEBUG if is_served or request.path in _PROBES else logging.INFO


def _template(request: web.Request) -> str:
    """Return the route's path as the table has it; a stranger can make up paths, not these."""
    resource = request.match_info.route.resource
    return "unknown" if resource is None else resource.canonical


def _request_id(request: web.Request) -> str:
    """Return the id the platform's edge gave the request, so that its logs and ours meet, or a new one."""
    given = request.headers.get("X-Railway-Request-Id", "")
    return given if GIVEN_ID.fullmatch(given) else uuid4().hex


@web.middleware
async def _well_meant(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what no handler should have to think of."""
    if request.version not in {HttpVersion10, HttpVersion11}:
        answer_as_http_1_1(request)
        raise MalformedRequest("Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    host = named_host(request)
    if request.headers.get(hdrs.EXPECT, "100-continue").lower() != "100-continue":
        raise ExpectationFailed("Only 100-continue can be expected.")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise UnsupportedMediaType("Bodies with a Content-Encoding are not accepted.")
    if request.headers.get(hdrs.TRANSFER_ENCODING, "chunked").lower() != "chunked":
        raise UnsupportedMediaType("Bodies with another Transfer-Encoding than chunked are not accepted.")
    if request.app[SERVICES].access.is_open and not _is_ours(request, host):
        # Without keys we trust whoever is on this machine; a page in its browser that has its own name
        # resolved to us is not that.
        raise MisdirectedRequest("This service answers to its own address only; set API_KEYS to open it.")
    return await handler(request)


def _is_ours(request: web.Request, host: str) -> bool:
    public = request.app[OPTIONS].base_url
    return is_this_machine(host) or (public is not None and host == URL(public).host)


async def _finish(request: web.Request, response: web.StreamResponse) -> None:
    public = request.app[OPTIONS].base_url or ""
    finish(response, request_id=request.get(REQUEST_ID), is_https=public.startswith("https://"))
    if hdrs.UPGRADE in request.headers:
        # aiohttp loses what came with an upgrade it does not know; a later answer would be taken for the lost one's.
        end_connection(response)

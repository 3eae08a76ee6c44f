"""What can go wrong with a call to the API."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from devkit.faults import Faults
from devkit.replicate.problems import CREDIT, problem

ANY = "any"
_OPERATIONS = (
    ("create", re.compile(r"POST /v1/(.+/)?predictions$")),
    ("cancel", re.compile(r"POST /v1/predictions/[^/]+/cancel$")),
    ("get", re.compile(r"GET /v1/predictions/[^/]+$")),
    ("list", re.compile(r"GET /v1/predictions$")),
    ("files", re.compile(r"\w+ /v1/files\b")),
    ("models", re.compile(r"GET /v1/models/")),
    ("secret", re.compile(r"GET /v1/webhooks/")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiFault:
    """One wrong answer.  *on* is an operation: create, get, cancel, list, files, models, secret or any."""

    on: str = ANY
    status: int = 500
    body: Mapping[str, Any] | str = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    accepted: bool = False
    """The work is done, and only its answer goes wrong."""
    drop: bool = False
    """No answer: the connection is closed."""
    hang: bool = False
    """No answer: the connection stays open until the client gives up."""
    cut_after: int | None = None
    """Announce the whole body, drop the connection after so many bytes of it."""

    def fits(self, operation: str) -> bool:
        return self.on in {ANY, operation}


def unauthenticated(*, on: str = ANY) -> ApiFault:
    detail = "You did not pass a valid authentication token"
    return ApiFault(on=on, status=401, body={"title": "Unauthenticated", "detail": detail, "status": 401})


def insufficient_credit(*, on: str = "create") -> ApiFault:
    return ApiFault(on=on, status=402, body={"title": "Insufficient credit", "detail": CREDIT, "status": 402})


def throttled(*, on: str = ANY, seconds: int = 30, header: str | None = None, body: float | None = None) -> ApiFault:
    """Throttle by the detail's text alone, or also with a `Retry-After` *header* or a `retry_after` in the *body*."""
    document: dict[str, Any] = {
        "detail": f"Request was throttled. Your rate limit resets in ~{seconds}s.",
        "status": 429,
    }
    if body is not None:
        document["retry_after"] = body
    headers = {} if header is None else {"Retry-After": header}
    return ApiFault(on=on, status=429, body=document, headers=headers)


def operation(request: web.Request) -> str | None:
    """Return the name of what *request* does; None for what is no part of the API."""
    line = f"{request.method} {request.path}"
    return next((name for name, pattern in _OPERATIONS if pattern.match(line)), None)


def api_faults(
    faults: Faults[ApiFault],
    *,
    name_of: Callable[[web.Request], str | None] = operation,
    content_type: str = "application/problem+json",
) -> Middleware:
    """Return what makes the coming *faults* happen; *name_of* says what a request does."""

    @web.middleware
    async def happen(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = name_of(request)
        fault = None if name is None else faults.take(lambda fault: fault.fits(name))
        if fault is None:
            return await handler(request)
        if fault.accepted:
            await handler(request)
        if fault.hang:
            await asyncio.Event().wait()
        if fault.drop and request.transport is not None:
            request.transport.abort()
        answer = problem(fault.status, fault.body, headers=fault.headers)
        answer.content_type = content_type
        return await _send(request, answer, fault)

    return happen


async def _send(request: web.Request, answer: web.Response, fault: ApiFault) -> web.StreamResponse:
    if fault.cut_after is None or not isinstance(answer.body, bytes):
        return answer
    cut = web.StreamResponse(status=fault.status, headers=answer.headers)
    cut.content_length = len(answer.body)
    await cut.prepare(request)
    await cut.write(answer.body[: fault.cut_after])
    if request.transport is not None:
        request.transport.close()
    return cut

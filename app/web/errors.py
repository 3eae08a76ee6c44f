"""Refusals as responses: RFC 9457 problem documents, one table of statuses, one middleware."""

import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from app.domain import errors
from app.domain.errors import AppError
from app.web.keys import CALLER, LINK_LEFT
from app.web.serving.headers import PROTECTION, SHARING, Cache, cache_control

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class MalformedRequest(AppError):
    """The request is no HTTP we could answer with anything else."""

    code = "malformed_request"


class MalformedBody(errors.InvalidInput):
    """The body is not what its type says."""

    code = "malformed_body"


class UnsupportedMediaType(AppError):
    code = "unsupported_media_type"


class ExpectationFailed(AppError):
    """`Expect` asks for something other than 100-continue (RFC 9110 §10.1.1)."""

    code = "expectation_failed"


class RequestTimeout(AppError):
    code = "request_timeout"
    retryable = True


class MisdirectedRequest(AppError):
    """The request is meant for another host (RFC 9110 §15.5.20)."""

    code = "misdirected_request"


STATUS: Mapping[type[AppError], int] = {
    AppError: 500,
    errors.InvalidInput: 422,
    errors.UnknownField: 422,
    MalformedRequest: 400,
    MalformedBody: 400,
    UnsupportedMediaType: 415,
    ExpectationFailed: 417,
    RequestTimeout: 408,
    MisdirectedRequest: 421,
    errors.Unauthorized: 401,
    errors.NotFound: 404,
    errors.ImageDeleted: 410,
    errors.ImageUnavailable: 404,
    errors.StillCapturing: 503,
    errors.Conflict: 409,
    errors.ImageIdTaken: 409,
    errors.IdempotencyKeyReused: 422,
    errors.TooLarge: 413,
    errors.ContentTypeMismatch: 415,
    errors.HostingDisabled: 503,
    errors.RenderingFailed: 500,
    errors.SourceNotAllowed: 422,
    errors.SourceRejected: 422,
    errors.SourceGone: 502,
    errors.SourceUnavailable: 502,
    errors.ProviderFailed: 502,
    errors.ProviderUnreachable: 502,
    errors.ProviderAnswerLost: 502,
    errors.ProviderCredit: 402,
    errors.ProviderThrottled: 429,
    errors.ProviderNotConfigured: 503,
    errors.ModelNotFound: 404,
    errors.ModelUnavailable: 503,
    errors.ModelFailed: 502,
    errors.ModelRefused: 502,
    errors.ModelStalled: 504,
    errors.VisionUnsupported: 422,
    errors.PicturesDisabled: 422,
    errors.RateLimited: 429,
    errors.Overloaded: 503,
    errors.StorageFull: 507,
    errors.StorageUnavailable: 503,
    errors.ClockSuspect: 503,
}
"""The status of every refusal; a test fails when one is missing."""

_CACHE: Mapping[int, Cache] = {404: Cache.MISSING, 410: Cache.GONE, 503: Cache.CAPTURING}
_CODES: Mapping[int, str] = {
    400: MalformedRequest.code,
    404: errors.NotFound.code,
    405: "method_not_allowed",
    408: RequestTimeout.code,
    411: "length_required",
    413: errors.TooLarge.code,
    415: UnsupportedMediaType.code,
    417: ExpectationFailed.code,
}
# What is another's is not there: whatever was looked for, and whoever says so, the words are the same.
_NOT_FOUND = "There is nothing here."


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a handler raises into a problem document; what is no refusal is a bug, and is only logged."""
    try:
        return await handler(request)
    except web.HTTPException as raised:  # aiohttp's own 404, 405, 413: the same envelope
        return _from_aiohttp(raised)
    except AppError as refusal:
        return problem(refusal, is_private=CALLER in request or LINK_LEFT in request)
    except ConnectionResetError:  # the client has left; the access log has it, without a status
        raise
    except Exception:
        log.exception("unhandled error", extra={"path": request.path, "method": request.method})
        return problem(AppError("Something went wrong on our side."))


def problem(refusal: AppError, *, is_private: bool = False) -> web.Response:
    """Return *refusal* as a response; *is_private* keeps even a lasting one from every cache."""
    status = STATUS[type(refusal)]
    detail = _NOT_FOUND if isinstance(refusal, errors.NotFound) else refusal.detail
    document = _document(status, refusal.code, detail, is_retryable=refusal.retryable)
    if refusal.field is not None:
        document["field"] = refusal.field
    headers = {"Cache-Control": cache_control(Cache.PRIVATE)} if is_private else {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after)))
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="holdfast"'
    return _response(status, document | refusal.details, headers)


def _from_aiohttp(raised: web.HTTPException) -> web.Response:
    status = raised.status
    code = _CODES.get(status, "invalid_request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal")
    detail = _NOT_FOUND if status == HTTPStatus.NOT_FOUND else f"{HTTPStatus(status).phrase}."
    headers = {"Allow": raised.headers["Allow"]} if "Allow" in raised.headers else {}
    return _response(status, _document(status, code, detail, is_retryable=False), headers)


def _document(status: int, code: str, detail: str, *, is_retryable: bool) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "retryable": is_retryable,
    }


def _response(status: int, document: Mapping[str, Any], headers: Mapping[str, str]) -> web.Response:
    cache = cache_control(_CACHE.get(status, Cache.ERROR))
    return web.Response(
        status=status,
        headers=dict((*PROTECTION, *SHARING)) | {"Cache-Control": cache} | dict(headers),
        content_type="application/problem+json",
        body=json.dumps(document).encode(),
    )

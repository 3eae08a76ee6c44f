"""What every call to the API passes: the key, the rate limits, and errors in one shape."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from devkit.replicate.limits import Bucket
from devkit.replicate.problems import Refusal, problem, unauthenticated

_CONTROL = "/_control/"


def problems() -> Middleware:
    """Return what turns refusals, and aiohttp's own, into problem documents."""

    @web.middleware
    async def render(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return refusal.to_response()
        except web.HTTPException as refusal:
            return problem(refusal.status, {"detail": refusal.reason, "status": refusal.status})

    return render


def keys(token: str) -> Middleware:
    """Return what lets only *token* in; a download of a file carries its own signature."""
    accepted = {f"Bearer {token}", f"Token {token}"}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_open = request.path.startswith(_CONTROL) or request.path.endswith("/download")
        if not is_open and request.headers.get("Authorization") not in accepted:
            raise unauthenticated()
        return await handler(request)

    return check


def rates(creates: Bucket, others: Bucket) -> Middleware:
    """Return what counts requests and says how many are left."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_create = request.method == "POST" and request.path.endswith("/predictions")
        bucket = creates if is_create else others
        if not bucket.take():
            detail = f"Request was throttled. Your rate limit resets in ~{bucket.reset}s."
            return problem(429, {"detail": detail, "status": 429}, headers=bucket.headers())
        response = await handler(request)
        if not response.prepared:
            for name, value in bucket.headers().items():
                response.headers.setdefault(name, value)
        return response

    return count

"""Who is let in: at home anyone who says a local name, in the cloud whoever has a key."""

import ipaddress

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from devkit.ollama.refusals import Refusal

_LOCAL = (".localhost", ".local", ".internal")


def hosts() -> Middleware:
    """Return what answers a foreign `Host` with an empty 403, as a server on loopback does."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await handler(request) if _is_local(request.url.host or "") else web.Response(status=403)

    return check


def keys(key: str | None) -> Middleware:
    """Return what asks for *key*, if there is one."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_open = key is None or request.path.startswith("/_control/")
        if not is_open and request.headers.get("Authorization") != f"Bearer {key}":
            raise Refusal(401, "unauthorized")
        return await handler(request)

    return check


def _is_local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(_LOCAL)
    return address.is_loopback or address.is_private or address.is_unspecified

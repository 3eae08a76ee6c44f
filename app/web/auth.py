"""Who each route is open to."""

import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from ipaddress import ip_address

from aiohttp import hdrs, web

from app.domain.errors import InvalidInput, NotFound, Unauthorized
from app.domain.ids import UserId
from app.web.connections import holder
from app.web.errors import Handler
from app.web.keys import CALLER, LINK_LEFT, OPTIONS, SERVICES
from app.web.parse import NamedTemporary, path_image, path_picture, path_user

Guard = Callable[[web.Request], Awaitable[None]]

READS = "reads"
WRITES = "writes"


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the route table.  `limit` names the rate the request counts against."""

    method: str
    path: str
    handler: Handler
    open_to: Guard
    limit: str | None = None

    def definition(self) -> web.RouteDef:
        """Return the route as aiohttp takes it, its handler behind its guard and its limit."""

        @wraps(self.handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                await self.open_to(request)
            finally:
                # Refusals count too: nobody guesses keys faster than the limit.
                if self.limit is not None:
                    await request.app[SERVICES].limiter.admit(self.limit, _who(request))
            return await self.handler(request)

        return web.RouteDef(self.method, self.path, guarded, {"expect_handler": _promise_nothing})


def route(method: str, path: str, handler: Handler, open_to: Guard, *, limit: str | None = None) -> Route:
    """Return a row of the route table: no route can be added without saying who it is open to."""
    return Route(method, path, handler, open_to, limit)


async def _promise_nothing(request: web.Request) -> None:
    """Leave `100 Continue` to whoever reads the body: until then the answer may be a refusal without it."""


async def anyone(request: web.Request) -> None:
    """Open to anyone."""


async def provider(request: web.Request) -> None:
    """Open to a provider: its handler verifies the signature over the raw body."""


async def user(request: web.Request) -> None:
    """Open to the owner's token and to a service key; a path that names another owner is not there."""
    caller = request.app[SERVICES].access.identify(_credential(request))
    request[CALLER] = caller
    if "user" in request.match_info:
        caller.require(path_user(request))


async def service(request: web.Request) -> None:
    """Open to a service key."""
    caller = request.app[SERVICES].access.identify(_credential(request))
    if not caller.is_service:
        raise NotFound("There is nothing here.")
    request[CALLER] = caller


async def link(request: web.Request) -> None:
    """Open to anyone when images are public; else to a signed link, the owner's token and a service key.

    A link without a signature opens nothing, not even where no keys are set: else nobody could try signed access.
    Where images are public the same is true of a chat's pictures: whoever may not read them finds nothing there.
    """
    if request.app[OPTIONS].is_signed:
        await _signed(request)
        return
    with suppress(Unauthorized, NotFound):
        await _signed(request)


async def picture(request: web.Request) -> None:
    """Open to anyone who has a temporary image's id; a chat's picture to its owner's token and to a service key."""
    if not isinstance(path_picture(request), NamedTemporary):
        await user(request)


async def _signed(request: web.Request) -> None:
    expires, signature = request.query.getall("expires", []), request.query.getall("signature", [])
    if not expires and not signature:
        if _credential(request) is None:
            raise Unauthorized("The link is not signed.")
        await user(request)
        return
    if len(expires) != 1 or len(signature) != 1:
        raise Unauthorized("The link is not valid.")
    request[LINK_LEFT] = request.app[SERVICES].links.verify(
        path_user(request), path_image(request).id, expires=expires[0], signature=signature[0]
    )


async def monitor(request: web.Request) -> None:
    """Open to anyone, or to `METRICS_TOKEN` where it is set."""
    token = request.app[OPTIONS].metrics_token
    if token is None:
        return
    given = (_credential(request) or "").encode()
    if not hmac.compare_digest(given, token.encode()):
        raise Unauthorized("The metrics need METRICS_TOKEN: Authorization: Bearer ….")


def owner(request: web.Request, named: str | None) -> UserId:
    """Return whom a body is about: who it names, or else whose token came with it; raise `NotFound` if another's."""
    caller = request[CALLER]
    if named is not None:
        found = UserId.parse(named)
        caller.require(found)
        return found
    if caller.user is None:
        raise InvalidInput("user_id is needed.", field="user_id")
    return caller.user


def _credential(request: web.Request) -> str | None:
    header = request.headers.get(hdrs.AUTHORIZATION)
    if header is None:
        return _plausible(request.headers.get("X-API-Key"))
    scheme, _, credential = header.partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise Unauthorized("Only Authorization: Bearer … is understood.")
    return _plausible(credential.strip())


def _plausible(credential: str | None) -> str | None:
    if credential is not None and not credential.isascii():
        # Nothing we ever gave away has such characters, and not everything that reads one can take them.
        raise Unauthorized("The key or token is not valid.")
    return credential


def _who(request: web.Request) -> str:
    """Return whom a request counts for: its user, or else whoever has its address."""
    if CALLER in request and not request[CALLER].is_service:
        return request[CALLER].name
    return holder(client_address(request))


def client_address(request: web.Request) -> str:
    """Return the client's address; from a header only where the operator has named one that can be trusted."""
    header = request.app[OPTIONS].client_address_header
    given = request.headers.get(header, "") if header else ""
    try:
        return str(ip_address(given.rpartition(",")[2].strip()))
    except ValueError:
        return request.remote or "unknown"

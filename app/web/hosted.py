"""Serving one hosted image: the plan is made of its row, the bytes come from its blob."""

from datetime import timedelta

from aiohttp import web

from app.domain.ids import UserId
from app.domain.images import Image
from app.domain.variants import VariantFacts, Wanted
from app.services.hosting import Elsewhere
from app.web.hot.remembering import remember
from app.web.keys import CALLER, LINK_LEFT, OPTIONS, SERVICES
from app.web.parse import NamedImage, variant_width
from app.web.serving.headers import PROTECTION, SHARING, Cache, cache_control
from app.web.serving.plan import plan
from app.web.serving.representation import Representation
from app.web.serving.sender import send


async def serve(request: web.Request, user: UserId, named: NamedImage) -> web.StreamResponse:
    """Answer a GET or HEAD of an image: its bytes, or the way to its source while it is being captured."""
    wanted = Wanted(extension=named.extension, width=variant_width(request))
    is_opened = LINK_LEFT in request or (CALLER in request and request[CALLER].may_act_for(user))
    found = await request.app[SERVICES].hosting.read(user, named.id, wanted, for_anyone=not is_opened)
    if isinstance(found, Elsewhere):
        headers = dict(PROTECTION) | dict(SHARING)
        headers |= {"Location": found.source_url, "Cache-Control": cache_control(Cache.CAPTURING)}
        return web.Response(status=307, headers=headers)
    shown = representation(found.image, found.variant)
    cache, download = _cache(request, found.image), request.query.get("download") == "1"
    decided = plan(
        request.method, request.headers, shown, now=request.app[OPTIONS].clock(), cache=cache, download=download
    )
    remember(request, found, shown, cache=cache, download=download)
    return await send(request, decided, found.blob, stall=request.app[OPTIONS].stall_seconds)


def representation(image: Image, variant: VariantFacts | None = None) -> Representation:
    """Return what HTTP needs to know of a stored image, or of a *variant* of it."""
    if image.facts is None or image.digest is None or image.hosted_at is None:
        raise ValueError(f"{image.id} is not stored")
    return Representation(
        size=(variant or image.digest).size,
        sha256=(variant or image.digest).sha256,
        content_type=(variant or image.facts).content_type,
        last_modified=image.hosted_at,
        filename=f"{image.id}.{(variant or image.facts).extension}",
    )


def _cache(request: web.Request, image: Image) -> str:
    options = request.app[OPTIONS]
    if not options.is_signed and not image.is_private:
        return cache_control(Cache.PUBLIC, options.edge_max_age)
    if LINK_LEFT in request:
        left: timedelta = request[LINK_LEFT]
        return cache_control(Cache.SIGNED, left)
    return cache_control(Cache.OWNED if image.is_private else Cache.PRIVATE)

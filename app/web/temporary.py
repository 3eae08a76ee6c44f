"""Serving one temporary image to whoever has its id."""

from aiohttp import web

from app.domain.errors import NotFound
from app.domain.temporary import TemporaryImage
from app.web.keys import OPTIONS, SERVICES
from app.web.parse import NamedTemporary
from app.web.serving.headers import Cache, cache_control
from app.web.serving.plan import plan
from app.web.serving.representation import Representation
from app.web.serving.sender import send


async def serve(request: web.Request, named: NamedTemporary) -> web.StreamResponse:
    """Answer a GET or HEAD; an extension that is not of the true type names nothing."""
    found = await request.app[SERVICES].temporary.open(named.id)
    if found is None:
        raise NotFound("There is no such image.")
    options = request.app[OPTIONS]
    decided = plan(
        request.method,
        request.headers,
        _representation(found.image),
        now=options.clock(),
        cache=cache_control(Cache.TEMPORARY),
        download=not found.image.is_picture,
    )
    if named.extension is not None and not found.image.goes_by(named.extension.lower()):
        await found.blob.aclose()
        raise NotFound("There is no such image.")
    return await send(request, decided, found.blob, stall=options.stall_seconds)


def _representation(image: TemporaryImage) -> Representation:
    return Representation(
        size=image.digest.size,
        sha256=image.digest.sha256,
        content_type=image.content_type,
        last_modified=image.created_at,
        filename=image.name,
    )

"""What a user brings in, and what there is of it."""

from aiohttp import web

from app.web import parse, render
from app.web.assets import asked_since, asked_sources
from app.web.auth import owner
from app.web.keys import SERVICES
from app.web.paging import images_page
from app.web.uploads import receive, require_upload


async def upload(request: web.Request) -> web.StreamResponse:
    """Host a picture: cleaned of metadata once, its pixels as they were."""
    announced = require_upload(request)
    parse.repetition(request)
    named = request.query.get("user_id")
    if named is not None:
        owner(request, named)
    uploads = request.app[SERVICES].uploads
    async with uploads.receive(announced) as incoming:
        received = await receive(request, incoming)
        user = owner(request, received.owner(named))
        key = parse.keyed(request, incoming.sha256)
        image = await uploads.host(incoming, user=user, declared=received.content_type, idempotency_key=key)
    return render.uploaded(request, image)


async def latest(request: web.Request) -> web.StreamResponse:
    """The caller's latest images, uploaded, generated or imported."""
    after, limit = images_page(request)
    user = owner(request, request.query.get("user_id"))
    found, following = await request.app[SERVICES].hosting.page(
        user, after=after, limit=limit, sources=asked_sources(request), since=asked_since(request)
    )
    return render.answer(render.page_document(request, found, following, name="assets"))

"""Temporary images, for a provider to fetch."""

from aiohttp import web

from app.web import parse, render
from app.web.auth import owner
from app.web.bodies import TemporaryBody, TemporaryIdsBody
from app.web.keys import CALLER, SERVICES


async def create(request: web.Request) -> web.StreamResponse:
    """Host a picture until it is deleted."""
    body = await parse.json_body(request, TemporaryBody)
    user = owner(request, body.user_id)
    hosted = await request.app[SERVICES].temporary.host(
        body.data_url,
        owner=user,
        base_url=render.base_url(request),
        idempotency_key=await parse.idempotency_key(request, body),
    )
    return render.answer({"url": hosted.url, "id": str(hosted.id)}, status=201, location=hosted.url)


async def delete_many(request: web.Request) -> web.StreamResponse:
    """Done with several."""
    body = await parse.json_body(request, TemporaryIdsBody)
    await request.app[SERVICES].temporary.delete_many(list(body.named), by=request[CALLER])
    return render.nothing()

"""Providers telling us of their jobs."""

from aiohttp import web

from app.web import parse, render
from app.web.keys import OPTIONS, SERVICES


async def replicate(request: web.Request) -> web.StreamResponse:
    """A prediction's news, signed by Replicate."""
    return await _receive(request, "replicate")


async def fal(request: web.Request) -> web.StreamResponse:
    """A request's end, signed by fal."""
    return await _receive(request, "fal")


async def _receive(request: web.Request, provider: str) -> web.StreamResponse:
    body = await parse.read_body(request, request.app[OPTIONS].max_body)
    await request.app[SERVICES].webhooks.receive(provider, request.headers, body, query=request.query)
    return render.answer({"status": "received"})

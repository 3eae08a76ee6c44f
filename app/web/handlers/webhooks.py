"""Providers telling us of their jobs."""

from aiohttp import web

from app.web import parse, render
from app.web.keys import OPTIONS, SERVICES


async def replicate(request: web.Request) -> web.StreamResponse:
    """A prediction's news, signed by Replicate."""
    body = await parse.read_body(request, request.app[OPTIONS].max_body)
    await request.app[SERVICES].webhooks.receive("replicate", request.headers, body, query=request.query)
    return render.answer({"status": "received"})

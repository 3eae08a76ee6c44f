"""For operators and machines."""

import asyncio

from aiohttp import web

from app.web import render
from app.web.keys import DESCRIPTION, OPTIONS, SERVICES


async def live(request: web.Request) -> web.StreamResponse:
    """Whether the process answers."""
    return render.answer({"status": "alive"})


async def ready(request: web.Request) -> web.StreamResponse:
    """Whether the volume takes a write, the catalog answers, and there is space."""
    health = await request.app[SERVICES].health.check()
    return render.health(health)


async def metrics(request: web.Request) -> web.StreamResponse:
    """Counters and levels, for Prometheus."""
    services = request.app[SERVICES]
    levels = await services.health.measure()
    return render.exposition(await asyncio.to_thread(services.metrics.expose, levels))


async def capabilities(request: web.Request) -> web.StreamResponse:
    """Limits, formats, retention, version."""
    return render.answer(dict(request.app[OPTIONS].capabilities))


async def openapi(request: web.Request) -> web.StreamResponse:
    """The description of this surface."""
    description = request.app[DESCRIPTION]
    return render.answer(description)

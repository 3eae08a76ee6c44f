"""Pictures handed on to a model at fal."""

from datetime import timedelta

from aiohttp import web

from app.services.forwarding import ForwardRequest
from app.web import parse, render
from app.web.auth import owner
from app.web.bodies import ForwardBody
from app.web.keys import CALLER, SERVICES


async def create(request: web.Request) -> web.StreamResponse:
    """Run a model at fal on pictures that may be handed on, and host what it makes."""
    body = await parse.json_body(request, ForwardBody)
    wanted = ForwardRequest(
        user=owner(request, body.user_id),
        model=body.model,
        input=body.input,
        urls=body.urls,
        wait=timedelta(seconds=body.wait),
        metadata=body.metadata,
    )
    key = await parse.idempotency_key(request, body)
    return render.forwarded(request, await request.app[SERVICES].forwarding.forward(wanted, idempotency_key=key))


async def show(request: web.Request) -> web.StreamResponse:
    """The state of what was forwarded."""
    view = await request.app[SERVICES].generations.show(parse.path_generation(request), request[CALLER])
    return render.answer(render.generation_document(request, view))

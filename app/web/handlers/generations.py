"""Generations."""

from datetime import timedelta

from aiohttp import web

from app.services.launching import GenerationRequest
from app.web import parse, render
from app.web.auth import owner
from app.web.bodies import GenerateBody
from app.web.keys import CALLER, SERVICES


async def create(request: web.Request) -> web.StreamResponse:
    """Run a model, host its outputs, answer with stable URLs."""
    body = await parse.json_body(request, GenerateBody)
    wanted = GenerationRequest(
        user=owner(request, body.user_id),
        provider=body.provider,
        order=body.order,
        wait=timedelta(seconds=body.wait),
        metadata=body.metadata,
    )
    key = await parse.idempotency_key(request, body)
    return render.generated(request, await request.app[SERVICES].generations.generate(wanted, idempotency_key=key))


async def show(request: web.Request) -> web.StreamResponse:
    """The state of a generation."""
    view = await request.app[SERVICES].generations.show(parse.path_generation(request), request[CALLER])
    return render.answer(render.generation_document(request, view))


async def cancel(request: web.Request) -> web.StreamResponse:
    """Cancel a generation."""
    view = await request.app[SERVICES].generations.cancel(parse.path_generation(request), request[CALLER])
    return render.answer(render.generation_document(request, view))

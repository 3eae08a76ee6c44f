"""Talking to a model."""

from contextlib import AsyncExitStack, aclosing

from aiohttp import web

from app.services.chat import Saying
from app.web import parse, render
from app.web.answers import told
from app.web.keys import CALLER, OPTIONS, SERVICES
from app.web.leaving import unless_left
from app.web.questions import Asked, asked
from app.web.sse import send_events


async def say(request: web.Request) -> web.StreamResponse:
    """Ask a model, about pictures or without, and read its answer as it is said."""
    options = request.app[OPTIONS]
    async with AsyncExitStack() as answer:
        async with asked(request) as found:
            saying = await unless_left(request, _begun(request, found, answer))
        events = await answer.enter_async_context(aclosing(told(saying.events())))
        return await send_events(
            request, events, ping_seconds=options.chat.ping_seconds, stall_seconds=options.stall_seconds
        )


async def _begun(request: web.Request, found: Asked, answer: AsyncExitStack) -> Saying:
    """Return what is said; the end of *answer* is the end of it, also if nobody waits for this any more."""
    saying = await request.app[SERVICES].chat.ask(found.question, idempotency_key=found.idempotency_key)
    return await answer.enter_async_context(saying)


async def stop(request: web.Request) -> web.StreamResponse:
    """Stop an answer, and keep what was said; also fine once it has ended."""
    await request.app[SERVICES].chat.stop(parse.path_stream(request), by=request[CALLER])
    return render.nothing()

"""Conversations."""

from aiohttp import web

from app.web import parse, render
from app.web.auth import owner
from app.web.conversations import messages_document, session_document, sessions_document
from app.web.keys import CALLER, SERVICES
from app.web.paging import is_newest_first, messages_page, sessions_page


async def latest(request: web.Request) -> web.StreamResponse:
    """The caller's conversations, the latest first."""
    after, limit = sessions_page(request)
    user = owner(request, request.query.get("user_id"))
    found, following = await request.app[SERVICES].sessions.page(user, after=after, limit=limit)
    return render.answer(sessions_document(found, following))


async def show(request: web.Request) -> web.StreamResponse:
    """A conversation, but for what was said in it."""
    return render.answer(
        session_document(await request.app[SERVICES].sessions.get(parse.path_session(request), by=request[CALLER]))
    )


async def messages(request: web.Request) -> web.StreamResponse:
    """What was said in a conversation, from its beginning or from its end."""
    after, limit = messages_page(request)
    found, following = await request.app[SERVICES].sessions.messages(
        parse.path_session(request),
        by=request[CALLER],
        after=after,
        limit=limit,
        is_newest_first=is_newest_first(request),
    )
    return render.answer(messages_document(request, found, following))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete a conversation, and its pictures where no other one has them."""
    await request.app[SERVICES].sessions.delete(parse.path_session(request), by=request[CALLER])
    return render.nothing()

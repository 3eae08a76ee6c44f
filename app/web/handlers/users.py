"""Owners and their tokens."""

from datetime import timedelta

from aiohttp import web

from app.domain.ids import UserId
from app.web import parse, render
from app.web.archive import send_archive
from app.web.bodies import TokenBody
from app.web.keys import SERVICES
from app.web.paging import images_page


async def images(request: web.Request) -> web.StreamResponse:
    """An owner's images, newest first."""
    after, limit = images_page(request)
    found, following = await request.app[SERVICES].hosting.page(parse.path_user(request), after=after, limit=limit)
    return render.answer(render.page_document(request, found, following))


async def usage(request: web.Request) -> web.StreamResponse:
    """What an owner has, the limits, and what goes next."""
    user = parse.path_user(request)
    return render.answer(render.usage_document(user, await request.app[SERVICES].usage.report(user)))


async def archive(request: web.Request) -> web.StreamResponse:
    """All originals of an owner as one ZIP, named `<id>.<extension>`."""
    return await send_archive(request, parse.path_user(request))


async def erase(request: web.Request) -> web.StreamResponse:
    """Erase everything of an owner."""
    await request.app[SERVICES].erasing.erase(parse.path_user(request))
    return render.nothing()


async def token(request: web.Request) -> web.StreamResponse:
    """A token for one owner's device."""
    body = await parse.json_body(request, TokenBody)
    user, lifetime = UserId(body.user_id), timedelta(seconds=body.expires_in)
    issued, expires = request.app[SERVICES].tokens.issue(user, expires_in=lifetime)
    return render.answer(render.token_document(user, issued, expires), status=201)

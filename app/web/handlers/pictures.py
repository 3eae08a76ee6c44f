"""What lies below /api/images: temporary images under a UUID, open to whoever knows it, and the pictures of chats."""

from aiohttp import web

from app.web import hosted, parse, render, temporary
from app.web.keys import CALLER, SERVICES
from app.web.parse import NamedTemporary
from app.web.serving.headers import preflight


async def show(request: web.Request) -> web.StreamResponse:
    """The bytes of a temporary image, which nobody may keep, or of a chat's picture, for its owner."""
    named = parse.path_picture(request)
    if isinstance(named, NamedTemporary):
        return await temporary.serve(request, named)
    return await show_private(request)


async def show_private(request: web.Request) -> web.StreamResponse:
    """The bytes of a chat's picture, for its owner; with another extension converted, with `w` narrower."""
    named = parse.path_private_picture(request)
    user = await request.app[SERVICES].chat_images.get_owner(named.id, by=request[CALLER])
    return await hosted.serve(request, user, named)


async def delete(request: web.Request) -> web.StreamResponse:
    """Done with a temporary image, or with a chat's picture; also fine the second time."""
    named = parse.path_picture(request)
    if isinstance(named, NamedTemporary):
        await request.app[SERVICES].temporary.delete(named.id, by=request[CALLER])
        return render.nothing()
    return await delete_private(request)


async def delete_private(request: web.Request) -> web.StreamResponse:
    """Delete a chat's picture; its message stays, and so does what was said of it."""
    named = parse.path_private_picture(request)
    await request.app[SERVICES].chat_images.delete(named.id, by=request[CALLER])
    return render.nothing()


async def options(request: web.Request) -> web.StreamResponse:
    """What a page on another origin may ask for."""
    return web.Response(status=204, headers=dict(preflight()))

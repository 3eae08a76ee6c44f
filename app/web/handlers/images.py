"""Hosted images."""

from datetime import timedelta

from aiohttp import web

from app.domain.ids import ImageId
from app.services.sources import Import
from app.web import parse, render
from app.web.auth import owner
from app.web.bodies import ImportBody, SignedUrlBody
from app.web.hosted import serve
from app.web.keys import SERVICES
from app.web.serving.headers import preflight


async def import_(request: web.Request) -> web.StreamResponse:
    """Host the image at an expiring URL, or the outputs of a prediction."""
    body = await parse.json_body(request, ImportBody)
    user = owner(request, body.user_id)
    wait = timedelta(seconds=body.wait)
    key = await parse.idempotency_key(request, body)
    services = request.app[SERVICES]
    if body.prediction is not None:
        view = await services.adoptions.adopt(
            user, body.prediction, metadata=body.metadata, wait=wait, idempotency_key=key
        )
        return render.generated(request, view)
    wanted = Import(
        user=user,
        url=body.url or "",
        image=ImageId(body.image_id) if body.image_id else None,
        job_id=body.prediction_id,
        output_index=body.output_index,
        metadata=body.metadata,
    )
    return render.imported(request, await services.imports.import_image(wanted, wait=wait, idempotency_key=key))


async def show(request: web.Request) -> web.StreamResponse:
    """The bytes of an image; with another extension (png, jpg, webp, avif) converted, with `w` narrower."""
    return await serve(request, parse.path_user(request), parse.path_image(request))


async def options(request: web.Request) -> web.StreamResponse:
    """What a page on another origin may ask for."""
    return web.Response(status=204, headers=dict(preflight()))


async def info(request: web.Request) -> web.StreamResponse:
    """The image document."""
    user, named = parse.path_user(request), parse.path_image(request)
    image = await request.app[SERVICES].hosting.get(user, named.id)
    return render.answer(render.image_document(request, image))


async def delete(request: web.Request) -> web.StreamResponse:
    """Delete an image; also fine the second time."""
    user, named = parse.path_user(request), parse.path_image(request)
    await request.app[SERVICES].hosting.delete(user, named.id)
    return render.nothing()


async def sign(request: web.Request) -> web.StreamResponse:
    """A link that opens the image until it expires."""
    body = await parse.json_body(request, SignedUrlBody)
    user, named = parse.path_user(request), parse.path_image(request)
    services = request.app[SERVICES]
    image = await services.hosting.get(user, named.id)
    expires, signature = services.links.sign(user, image.id, expires_in=timedelta(seconds=body.expires_in))
    return render.answer(render.signed_link(request, image, expires, signature))

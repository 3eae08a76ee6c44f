"""Where imports come from: any name, any bytes, on loopback; and the call that imports one."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, web

from devkit.serving import served


@asynccontextmanager
async def origin(body_of: Callable[[str], bytes]) -> AsyncIterator[str]:
    """Serve `body_of(name)` under any name, as the type its extension says, and yield the URL."""

    async def show(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.Response(body=body_of(name), content_type=f"image/{name.rpartition('.')[2]}")

    app = web.Application()
    app.router.add_get("/{name:.+}", show)
    async with served(app) as url:
        yield url


async def import_image(http: ClientSession, service: str, url: str, *, user: str = "bench") -> dict[str, Any]:
    """Import the image at *url* and return its document once it is stored."""
    async with http.post(f"{service}/v1/images/import", json={"user_id": user, "url": url, "wait": 60}) as answer:
        document: dict[str, Any] = await answer.json()
        if answer.status not in {200, 201} or document["status"] != "stored":
            raise RuntimeError(f"{answer.status}: {document}")
        return document

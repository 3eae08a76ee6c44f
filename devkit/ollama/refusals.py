"""What is answered in place of an answer, in the words of the real one."""

import json

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

BUSY = "server busy, please try again.  maximum pending requests exceeded"


class Refusal(Exception):
    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


def not_found(name: str) -> Refusal:
    return Refusal(404, f"model '{name}' not found")


def refusal(status: int, error: str) -> web.Response:
    # Go's encoder ends what it writes with no newline here, and escapes nothing but markup.
    return web.json_response({"error": error}, status=status, dumps=lambda body: json.dumps(body, ensure_ascii=False))


def refusals() -> Middleware:
    """Return what answers refusals, and what is nowhere, as the real one does."""

    @web.middleware
    async def render(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as raised:
            return refusal(raised.status, raised.error)
        except web.HTTPNotFound:
            return web.Response(status=404, text="404 page not found")
        except web.HTTPMethodNotAllowed as raised:
            return web.Response(status=405, text="405 method not allowed", headers={"Allow": raised.headers["Allow"]})

    return render

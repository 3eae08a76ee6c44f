"""aiohttp's server with what it leaves out: a bound on connections, and one voice for every refusal.

aiohttp answers what is no valid HTTP by itself, before any application sees it: in plain text, with the offending
bytes in it, its version, and no word on caching.  It leaves two hooks for that, which are used here and nowhere else:
`AppRunner._make_server` for the protocol's class, and `RequestHandler.handle_error` for its answers.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web

from app.domain.errors import AppError
from app.web.connections import Connections
from app.web.errors import Handler, MalformedRequest, as_problems, problem
from app.web.finishing import finish

log = logging.getLogger(__name__)

# Longer than the proxies in front keep an idle connection, so that it is never us who closes it under a request.
_KEEP_ALIVE_SECONDS = 75.0
# How long the rest of a body is read after it was refused, so that the refusal is not lost to a reset.
_LINGERING_SECONDS = 2.0


class Runner(web.AppRunner):
    """Runs *app*; one address may hold *connections_per_address* open (None: any number).

    *shutdown_timeout* is how many seconds requests may take to finish once the runner is cleaned up.
    """

    def __init__(self, app: web.Application, *, connections_per_address: int | None, shutdown_timeout: float) -> None:
        # aiohttp waits for a request this long, and then as long again for the task it runs in.
        super().__init__(app, access_log=None, shutdown_timeout=shutdown_timeout / 2)
        self._peers = Connections(connections_per_address)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        # Around the application too: what its router and its `Expect` raise is refused in the same words.
        handler = partial(as_problems, handler=cast(Handler, made.request_handler))
        return _Server(cast(Any, handler), made.request_factory, peers=self._peers)


class _Server(web.Server):
    def __init__(self, handler: Any, request_factory: Any, *, peers: Connections) -> None:
        super().__init__(handler, request_factory=request_factory)
        self._new_protocol: Callable[[], web.RequestHandler] = partial(
            _Protocol, self, loop=asyncio.get_running_loop(), peers=peers
        )

    def __call__(self) -> web.RequestHandler:
        return self._new_protocol()


class _Protocol(web.RequestHandler):
    """One connection."""

    def __init__(self, manager: web.Server, *, loop: asyncio.AbstractEventLoop, peers: Connections) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way of saying that there is none
            auto_decompress=False,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            lingering_time=_LINGERING_SECONDS,
        )
        self._peers = peers
        self._address: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._peers.enter(address):
            log.debug("one connection too many", extra={"address": address})
            self.force_close()
            cast(asyncio.Transport, transport).abort()
            return
        self._address = address
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._address is not None:
            self._peers.leave(self._address)
            self._address = None
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 (may quote the client, so it is not repeated)
    ) -> web.StreamResponse:
        """Answer what is no valid HTTP, or what failed outside the application."""
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            raise ConnectionResetError("nobody is there to answer") from exc
        refusal = AppError("Something went wrong on our side.")
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            # Strangers send such things all day.
            log.info("malformed request", extra={"reason": type(exc).__name__, "address": request.remote})
            refusal = MalformedRequest("The request is not valid HTTP/1.1.")
        else:
            log.error("a request failed outside the application", exc_info=exc)
        response = problem(refusal)
        finish(response)
        response.force_close()
        return response

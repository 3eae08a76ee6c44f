"""aiohttp's server with what it leaves out: bounds on connections and their silence, and one voice for every refusal.

aiohttp answers what is no valid HTTP by itself, before any application sees it: in plain text, with the offending
bytes in it, its version, and no word on caching.  It waits for the head of a request as long as for the next one, and
for ever for an answer to be taken.  The hooks for all that are used here and nowhere else: `AppRunner._make_server`
for the protocol's class, `RequestHandler.handle_error` for its answers, and the queue its parser feeds.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import ERROR, _ErrInfo

from app.domain.errors import AppError
from app.web.connections import Connections, Entry
from app.web.errors import Handler, MalformedRequest, RequestTimeout, as_problems, problem
from app.web.finishing import answer_as_http_1_1, finish
from app.web.framing import Framing
from app.web.hot.lane import Lane
from app.web.hot.side import FastSide
from app.web.keys import LANE
from app.web.overflow import Overflow
from app.web.patience import Alarm, Patience
from app.web.serving.sender import SLICE

log = logging.getLogger(__name__)


class Runner(web.AppRunner):
    """Runs *app* for as many clients as *connections* admits, waiting for each as *patience* says.

    *shutdown_timeout* is how many seconds requests may take to finish once the runner is cleaned up.
    """

    def __init__(
        self, app: web.Application, *, connections: Connections, patience: Patience, shutdown_timeout: float
    ) -> None:
        # aiohttp waits for a request this long, and then as long again for the task it runs in.
        super().__init__(app, access_log=None, shutdown_timeout=shutdown_timeout / 2)
        self._connections = connections
        self._patience = patience
        self._overflow = Overflow()
        self._lane = app.get(LANE)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        # Around the application too: what its router and its `Expect` raise is refused in the same words.
        handler = partial(as_problems, handler=cast(Handler, made.request_handler))
        protocol = partial(
            _Protocol,
            connections=self._connections,
            overflow=self._overflow,
            patience=self._patience,
            lane=self._lane,
        )
        return _Server(cast(Any, handler), made.request_factory, protocol=protocol)

    async def _cleanup_server(self) -> None:
        self._overflow.close()
        await super()._cleanup_server()


class _Server(web.Server):
    def __init__(self, handler: Any, request_factory: Any, *, protocol: Callable[..., web.RequestHandler]) -> None:
        super().__init__(handler, request_factory=request_factory)
        self._new_protocol = partial(protocol, self, loop=asyncio.get_running_loop())

    def __call__(self) -> web.RequestHandler:
        return self._new_protocol()


class _Protocol(web.RequestHandler):
    """One connection."""

    def __init__(
        self,
        manager: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        connections: Connections,
        overflow: Overflow,
        patience: Patience,
        lane: Lane | None,
    ) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way of saying that there is none
            auto_decompress=False,
            keepalive_timeout=patience.idle,
            lingering_time=patience.lingering,
        )
        self._connections = connections
        self._overflow = overflow
        self._address: str | None = None
        self._head_alarm = Alarm(patience.head, self._on_late_head)
        self._has_begun = False
        self._stall_alarm = Alarm(patience.stall, self._on_stall)
        self._untaken = 0
        self._line: asyncio.Transport | None = None  # `transport` is None once it is closing
        self._framing = Framing()
        self._lane = lane
        self._fast: FastSide | None = None
        self.heard = b""
        """The request that is being answered, as it came; empty if it is not sure which bytes it was."""
        self.has_ended = False
        """Whether the client sends no more: it may still read, or be gone, and no one can tell."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        line = cast(asyncio.Transport, transport)
        peer = line.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        entry = self._connections.enter(address)
        if entry is not Entry.ADMITTED:
            log.debug("one connection too many", extra={"address": address, "reason": entry.name.lower()})
            self.force_close()
            self._overflow.take(line) if entry is Entry.FULL else line.abort()
            return
        self._address = address
        self._line = line
        # Whatever the kernel does not take at once counts as untaken, and no handler writes on top of it.
        line.set_write_buffer_limits(high=0)
        if self._lane is not None:
            self._fast = FastSide(self._lane, line, address)
        super().connection_made(transport)
        self._head_alarm.set()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._address is not None:
            self._connections.leave(self._address)
            self._address = None
        self._head_alarm.clear()
        self._stall_alarm.clear()
        self._line = None
        if self._fast is not None:
            self._fast.close()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        is_next = self._framing.is_at_start and self._is_idle
        if is_next and self._fast is not None and data and self._fast.answer(data):
            self._head_alarm.clear()
            self._has_begun = False
            self._stay()
            return
        before = len(self._messages)
        pieces = self._framing.split(data)
        self.heard = data if is_next and self._framing.is_at_start and len(pieces) == 1 else b""
        # One by one: the parser forgets requests that come in one piece with something it cannot read.
        for piece in pieces:
            super().data_received(piece)
        if data:
            self._time_head(is_complete=len(self._messages) > before)

    def _time_head(self, *, is_complete: bool) -> None:
        """Give the head that has begun its time, from its first byte on."""
        # While something is being answered it is not always sure that bytes are of a head.
        is_in_head = self._is_waiting or self._framing.is_in_head
        if is_complete or not is_in_head:
            self._head_alarm.clear()
        self._has_begun = is_in_head
        if is_in_head:
            self._head_alarm.set()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks whether to keep the connection
        """Answer what the client has asked before it ended its side of the connection, and close it then."""
        if self._is_waiting or self._force_close or not self._is_heard_out:
            return False
        ended = _ErrInfo(status=HTTPStatus.BAD_REQUEST, exc=ConnectionResetError("no more is asked"), message="")
        self._messages.append((ended, EMPTY_PAYLOAD))
        self.has_ended = True
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._line is not None:
            self._untaken = self._line.get_write_buffer_size()
            self._stall_alarm.set()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall_alarm.clear()
        if self._fast is not None and self._fast.is_pouring:
            self._fast.go_on()
            self._stay()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 (aiohttp's signature)
        """Let the picture that is being sent arrive, within *timeout* seconds, before the connection is closed."""
        if self._fast is not None:
            await self._fast.finish(timeout)
        await super().shutdown(timeout)

    def _process_keepalive(self) -> None:
        if self._fast is not None and self._fast.is_pouring:
            # aiohttp knows nothing of it and would call the connection idle.
            self._stay()
        super()._process_keepalive()

    def _stay(self) -> None:
        """Wait for the next request from now on."""
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout

    @property
    def _is_heard_out(self) -> bool:
        """Tell whether the last request has come with all its body."""
        if self._messages:
            return self._messages[-1][1].is_eof()
        return self._current_request is None or self._current_request.content.is_eof()

    @property
    def _is_idle(self) -> bool:
        """Tell whether no request is being answered or waits to be, and no answer waits to be taken."""
        return self._is_waiting and not (self._messages or self._paused or self._close or self._force_close)

    @property
    def _is_waiting(self) -> bool:
        """Tell whether no request is being answered, nor waits to be."""
        return self._waiter is not None and not self._waiter.done()

    def _on_late_head(self) -> None:
        if not self._has_begun:
            if self._is_waiting:
                self.force_close()
            return
        late = _ErrInfo(status=HTTPStatus.REQUEST_TIMEOUT, exc=TimeoutError(), message="")
        # Behind what is being answered still, if anything is.
        self._messages.append((late, EMPTY_PAYLOAD))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _on_stall(self) -> None:
        """Cut a client off that took less than a slice meanwhile; another one gets as long for the next."""
        if self._line is None:
            return
        untaken = self._line.get_write_buffer_size()
        if self._untaken - untaken < SLICE:
            log.info("client takes nothing", extra={"address": self._address})
            self._line.abort()
            return
        self._untaken = untaken
        self._stall_alarm.set()

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
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("a request failed outside the application", exc_info=exc)
        else:
            # Strangers send such things all day.
            log.info("malformed request", extra={"reason": type(exc).__name__, "address": request.remote})
        if request._message is ERROR:  # noqa: SLF001 (aiohttp's stand-in for what it could not read)
            answer_as_http_1_1(request)
        response = problem(_refusal(status))
        finish(response)
        response.force_close()
        return response


def _refusal(status: int) -> AppError:
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return RequestTimeout("The request did not arrive in time.")
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return MalformedRequest("The request is not valid HTTP/1.1.")
    return AppError("Something went wrong on our side.")

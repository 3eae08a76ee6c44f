"""Server-Sent Events (WHATWG HTML §9.2): named, numbered events of one line of JSON each, for as long as someone reads.

The connection is looked at while there is nothing to say: whoever reads no more is noticed within a quarter of a
second.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import hdrs, web

from app.web.leaving import LOOK_SECONDS, has_left
from app.web.serving.headers import PROTECTION, Cache, cache_control

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = "text/event-stream"
_PING: Final = b": ping\n\n"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """What is said at once; *name* has no line break."""

    name: str
    data: Mapping[str, Any]


def encode(number: int, event: ServerEvent) -> bytes:
    """Return *event* as it is sent, with *number* as its id."""
    # JSON escapes every line break that ends a line of the stream; half a surrogate pair has no bytes of its own.
    data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {event.name}\nid: {number}\ndata: {data}\n\n".encode(errors="replace")


async def send_events(
    request: web.Request, events: AsyncIterator[ServerEvent], *, ping_seconds: float, stall_seconds: float
) -> web.StreamResponse:
    """Answer with *events*, numbered from 1, and a comment wherever nothing is said for *ping_seconds*.

    A reader that has left, or takes nothing for *stall_seconds*, is no error: the rest of *events* is not asked for.
    """
    response = web.StreamResponse(headers=_headers())
    is_whole = False
    try:
        await response.prepare(request)
        async with aclosing(_paced(request, events, ping_seconds)) as chunks:
            async for chunk in chunks:
                await _write(request, response, chunk, stall_seconds)
        await response.write_eof()
        is_whole = True
    except (ConnectionError, TimeoutError):
        log.info("client left before the end", extra={"path": request.path})
    except Exception:
        log.exception("events cut short", extra={"path": request.path})
    finally:
        # Also when cancelled: the head is out, and only a cut tells the client that this is not all.
        if not is_whole:
            response.force_close()
            if request.transport is not None:
                request.transport.abort()
    return response


def _headers() -> dict[str, str]:
    return dict(PROTECTION) | {
        hdrs.CONTENT_TYPE: CONTENT_TYPE,
        hdrs.CACHE_CONTROL: cache_control(Cache.ERROR),
        "X-Accel-Buffering": "no",  # nginx would collect it
    }


async def _paced(
    request: web.Request, events: AsyncIterator[ServerEvent], ping_seconds: float
) -> AsyncGenerator[bytes, None]:
    """Yield what is to be written next; raise `ConnectionResetError` once nobody is there to read it."""
    clock, number = asyncio.get_running_loop().time, 0
    coming, last = asyncio.ensure_future(_next(events)), clock()
    try:
        while True:
            await asyncio.wait({coming}, timeout=min(LOOK_SECONDS, ping_seconds))
            if has_left(request):
                raise ConnectionResetError("the reader has left")
            if coming.done():
                event, number = coming.result(), number + 1
                if event is None:
                    return
                yield encode(number, event)
                coming, last = asyncio.ensure_future(_next(events)), clock()
            elif clock() - last >= ping_seconds:
                yield _PING
                last = clock()
    finally:
        coming.cancel()
        await asyncio.wait({coming})


async def _next(events: AsyncIterator[ServerEvent]) -> ServerEvent | None:
    return await anext(events, None)


async def _write(request: web.Request, response: web.StreamResponse, chunk: bytes, stall_seconds: float) -> None:
    async with asyncio.timeout(stall_seconds):
        await response.write(chunk)
        # Each by itself, or as much as aiohttp lets pile up would be taken for read.
        await request.writer.drain()

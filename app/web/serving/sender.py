"""Carries out a plan: the only part of serving that knows sockets and files.

A small body is handed to the server whole.  A large one is poured, by `sendfile` where the kernel can, under the
exact `Content-Length` of the plan; once its head is out, the only honest way to fail is to cut the connection.
"""

import asyncio
import logging
from contextlib import aclosing
from typing import BinaryIO, Final

from aiohttp import web
from multidict import CIMultiDict

from app.domain.errors import StorageUnavailable
from app.domain.ports import Blob
from app.web.serving.plan import Plan
from app.web.serving.ranges import Span

log = logging.getLogger(__name__)

SMALL: Final = 256 * 1024
"""Bodies up to this many bytes are read first, and leave in one write with their head."""

STALL: Final = 60.0
"""Seconds in which a client has to take the next slice of an answer."""

SLICE: Final = 256 * 1024


async def send(
    request: web.Request, plan: Plan, blob: Blob | None = None, *, stall: float = STALL
) -> web.StreamResponse:
    """Answer *request* as planned, and close *blob* whatever happens; a plan without ranges needs none.

    Raise `StorageUnavailable` for missing bytes as long as that can still be answered.  Later a missing byte, a
    failing store, or a client that takes nothing for *stall* seconds cuts the connection.  A client that goes
    away is no error.
    """
    if blob is None:
        if plan.ranges:
            raise ValueError("a plan with ranges cannot be sent without its blob")
        return _response(plan, plan.literal)
    async with aclosing(blob):
        if not plan.ranges:
            return _response(plan, plan.literal)
        if max(span.stop for span in plan.ranges) > blob.size:
            raise _incomplete()
        if plan.length <= SMALL:
            return _response(plan, await _read(plan, blob))
        return await _pour(request, plan, blob, stall)


def _response(plan: Plan, body: bytes) -> web.Response:
    return web.Response(status=plan.status, headers=CIMultiDict(plan.headers), body=body)


async def _read(plan: Plan, blob: Blob) -> bytes:
    body = bytearray()
    for piece in plan.body:
        if isinstance(piece, Span):
            async for chunk in blob.chunks(piece.start, piece.stop):
                body += chunk
        else:
            body += piece
    if len(body) != plan.length:
        raise _incomplete()
    return bytes(body)


async def _pour(request: web.Request, plan: Plan, blob: Blob, stall: float) -> web.StreamResponse:
    response = web.StreamResponse(status=plan.status, headers=CIMultiDict(plan.headers))
    is_whole = False
    try:
        await response.prepare(request)
        for piece in plan.body:
            if isinstance(piece, Span):
                await _pour_span(request, response, blob, piece, stall)
            else:
                await _write(response, piece, stall)
        await response.write_eof()
        is_whole = True
    except (ConnectionError, TimeoutError):
        log.info("client left before the end", extra={"path": request.path})
    except Exception:
        log.exception("body cut short", extra={"path": request.path})
    finally:
        # Also when cancelled: whoever caught the error would write another answer into this one's body.
        if not is_whole:
            _cut(request, response)
    return response


async def _pour_span(request: web.Request, response: web.StreamResponse, blob: Blob, span: Span, stall: float) -> None:
    position = span.start
    if blob.file is not None:
        position = await _sendfile(request, blob.file, span, stall)
    if position < span.stop:
        async for chunk in blob.chunks(position, span.stop):
            await _write(response, chunk, stall)
            position += len(chunk)
    if position != span.stop:
        raise _incomplete()


async def _write(response: web.StreamResponse, data: bytes, stall: float) -> None:
    async with asyncio.timeout(stall):
        await response.write(data)


async def _sendfile(request: web.Request, file: BinaryIO, span: Span, stall: float) -> int:
    """Return the position reached: before the end where the kernel cannot do it, or where the file ends."""
    position, loop = span.start, asyncio.get_running_loop()
    while position < span.stop:
        count = min(SLICE, span.stop - position)
        try:
            async with asyncio.timeout(stall):
                transport = await _drained(request)
                sent = await loop.sendfile(transport, file, position, count, fallback=False)
        except RuntimeError:
            # uvloop, TLS, no real file, a socket that is closing: in each case nothing of this slice was sent.
            return position
        position += sent
        # aiohttp does not see these bytes; without them the access log would call the body empty.
        request.writer.output_size += sent
        if sent < count:
            return position
    return position


async def _drained(request: web.Request) -> asyncio.Transport:
    """Return the transport with nothing left in its buffer.

    `loop.sendfile` waits for that too, but asyncio cannot be cancelled there: the transport then refuses writes,
    and complains to the loop's exception handler when it is closed.
    """
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client has gone")
    if transport.get_write_buffer_size():
        low, high = transport.get_write_buffer_limits()
        transport.set_write_buffer_limits(high=0)
        try:
            await request.writer.drain()
        finally:
            transport.set_write_buffer_limits(high=high, low=low)
    return transport


def _incomplete() -> StorageUnavailable:
    return StorageUnavailable("The bytes of this image are not all there.")


def _cut(request: web.Request, response: web.StreamResponse) -> None:
    response.force_close()
    if request.transport is not None:
        request.transport.abort()

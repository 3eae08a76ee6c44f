"""Bodies as they come in: bounded in bytes, and in the time that is spent waiting for them."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import HttpVersion11, hdrs, web

from app.domain.errors import TooLarge
from app.web.errors import MalformedBody, RequestTimeout
from app.web.keys import OPTIONS

# What comes while nobody reads can be most of a megabyte; in pieces it is not copied at one go on its way through.
_PIECE = 128 * 1024


async def arriving(request: web.Request, *, most: int, min_rate: int = 0) -> AsyncIterator[bytes]:
    """Yield the raw body of at most *most* bytes, piece by piece.

    It may be waited for as long as a body may take; with a *min_rate*, in bytes a second, what came earns as much more
    time, never more than that ahead.  Raise `TooLarge` (before anything is read, where the length is said),
    `RequestTimeout` or `MalformedBody`.
    """
    if (request.content_length or 0) > most:
        raise _too_large(most)
    most_patience = patience = request.app[OPTIONS].body_seconds
    loop, received = asyncio.get_running_loop(), 0
    await _ask_for_body(request)
    while True:
        began = loop.time()
        piece = await _next(request, patience)
        if not piece:
            return
        received += len(piece)
        if received > most:
            raise _too_large(most)
        earned = len(piece) / min_rate if min_rate else 0.0
        patience = min(most_patience, patience - (loop.time() - began) + earned)
        yield piece


async def _next(request: web.Request, seconds: float) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            return await request.content.read(_PIECE)
    except TimeoutError:
        raise RequestTimeout("The body did not arrive in time.") from None
    except web.RequestPayloadError:
        raise MalformedBody("The body is not framed as HTTP/1.1 wants it.") from None


async def _ask_for_body(request: web.Request) -> None:
    """Send the `100 Continue` that a client waits for, now that we want its body (RFC 9110 §10.1.1)."""
    if hdrs.EXPECT in request.headers and request.version == HttpVersion11 and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # or the answer proper would seem to have begun


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body is larger than {most} bytes.")

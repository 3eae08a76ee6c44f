"""Answers a GET of an image that was served lately right where its bytes arrive.

aiohttp makes a request, a task, a response and a writer of each request; for a picture that lies in memory that is most
of the work.  Here the same answer, made by the same plan, is kept by what it depends on: the target, and the few
headers that matter.  Whatever is not plain goes the long way, through aiohttp and the catalog, and comes back here
as something known.  Only public images do: a signed one is judged anew each time.

What holds of the long way holds here: the file has to be there, the request counts against the client's rate, the
read is noted, the answer is counted.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from time import perf_counter
from typing import Protocol

from app.domain.ids import ImageId, UserId
from app.domain.ports import Clock
from app.web.connections import holder
from app.web.hot.bodies import Bodies
from app.web.hot.heads import Head, HeadReader
from app.web.hot.images import HotImage, HotImages, Reply
from app.web.hot.pouring import Piece, Pour
from app.web.serving.dates import format_http_date
from app.web.serving.plan import Body
from app.web.serving.ranges import Span

_access = logging.getLogger("app.access")

_MOST_HOSTS = 64
_MOST_ADDRESSES = 4096
_SMALL = 64 * 1024
"""Bodies up to this many bytes leave in one write with their head."""


class Line(Protocol):
    """A connection on which nothing is being answered and nothing waits to be sent."""

    @property
    def transport(self) -> asyncio.Transport: ...

    @property
    def address(self) -> str:
        """The address of the other end."""

    def pour(self, pour: Pour) -> None:
        """Send a body, and read nothing until it is sent."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the bytes come from: memory, or an open file; neither when none are sent."""

    body: memoryview | None = None
    descriptor: int | None = None

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


_NOTHING = _Source()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookkeeping:
    """What is written down of every answer."""

    admit: Callable[[str], bool]
    """Count a request of somebody; False, counting nothing, when it is one too many."""
    note: Callable[[UserId, ImageId], None]
    """An image was read."""
    count: Callable[..., None]
    """*method*, *status* and *seconds* of an answer; status 0 when the client left before its end."""


class Lane:
    """*is_https* as in `finish`; *new_id* names requests."""

    def __init__(
        self,
        *,
        images: HotImages,
        bodies: Bodies,
        reader: HeadReader,
        clock: Clock,
        books: Bookkeeping,
        new_id: Callable[[], str],
        is_https: bool,
    ) -> None:
        self._images = images
        self._bodies = bodies
        self._reader = reader
        self._clock = clock
        self._books = books
        self._new_id = new_id
        self._is_https = is_https
        self._hosts: set[bytes] = set()
        self._holders: dict[str, str] = {}
        self._date = (0, b"")

    def remember(self, data: bytes, image: HotImage) -> None:
        """Answer what *data* asks for here from now on: the long way has found that it is *image*."""
        head = self._reader.find(data)
        if head is None or image.shown.last_modified > self._clock():
            return
        if len(self._hosts) < _MOST_HOSTS:
            self._hosts.add(head.host)
        self._images.remember(head.target, image)

    def answer(self, data: bytes, line: Line) -> bool:
        """Answer the request *data* is; False, having done nothing, when it has to go the long way."""
        started = perf_counter()
        head = self._reader.find(data)
        if head is None or head.host not in self._hosts or _access.isEnabledFor(logging.DEBUG):
            return False
        found = self._images.find(head.target)
        if found is None:
            return False
        now = self._clock()
        reply = found.reply(head, now=now, is_https=self._is_https)
        if reply.status >= HTTPStatus.BAD_REQUEST:
            return False
        source = self._find_source(head, found, reply)
        if source is None:
            return False
        if not self._books.admit(self._who(head, line.address)):
            source.close()
            return False
        self._books.note(found.user, found.image)
        self._send(line, reply, self._last_fields(head, now), source, partial(self._end, head.method, reply, started))
        return True

    def _find_source(self, head: Head, found: HotImage, reply: Reply) -> _Source | None:
        """Return where the bytes come from, None if they are not where they were."""
        if not found.witness.holds():
            self._images.forget(head.target)
            self._bodies.drop(found.witness.path)
            return None
        if not reply.length:
            return _NOTHING
        body = self._bodies.find(found.witness)
        if body is not None:
            return _Source(body=memoryview(body))
        self._bodies.want(found.witness, found.uses)
        descriptor = found.witness.open()
        return None if descriptor is None else _Source(descriptor=descriptor)

    def _send(
        self, line: Line, reply: Reply, last_fields: bytes, source: _Source, ended: Callable[[bool], None]
    ) -> None:
        opening = reply.head + last_fields
        if reply.length <= _SMALL and source.descriptor is None:
            line.transport.write(b"".join((opening, *_in_memory(source.body, reply.body))))
            ended(True)
            return
        pieces: Sequence[bytes | Piece] = reply.body if source.body is None else _in_memory(source.body, reply.body)
        line.transport.write(opening)
        line.pour(Pour(line.transport, pieces, descriptor=source.descriptor, ended=ended))

    def _end(self, method: str, reply: Reply, started: float, is_whole: bool) -> None:  # noqa: FBT001 - as told
        self._books.count(method=method, status=reply.status if is_whole else 0, seconds=perf_counter() - started)

    def _last_fields(self, head: Head, now: datetime) -> bytes:
        second = int(now.timestamp())
        if self._date[0] != second:
            self._date = (second, format_http_date(now).encode())
        request_id = head.request_id or self._new_id().encode()
        return b"Date: %b\r\nX-Request-Id: %b\r\n\r\n" % (self._date[1], request_id)

    def _who(self, head: Head, address: str) -> str:
        """Return whom a request counts for, as on the long way."""
        named = head.address.decode() if head.address else address
        known = self._holders.get(named)
        if known is None:
            if len(self._holders) >= _MOST_ADDRESSES:
                self._holders.clear()
            known = self._holders[named] = holder(_last_address(named) or address)
        return known


def _in_memory(image: memoryview | None, body: Body) -> list[memoryview]:
    """Return *body* with its spans out of *image*; nothing of one is sent without its bytes."""
    if image is None:
        return []
    return [image[piece.start : piece.stop] if isinstance(piece, Span) else memoryview(piece) for piece in body]


def _last_address(text: str) -> str | None:
    try:
        return str(ip_address(text.rpartition(",")[2].strip()))
    except ValueError:
        return None

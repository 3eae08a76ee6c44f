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
from collections.abc import Callable
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
from app.web.hot.pouring import Pour
from app.web.hot.source import Source
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bookkeeping:
    """What is written down of every answer."""

    admit: Callable[[str], bool]
    """Count a request of somebody; False, counting nothing, when it is one too many."""
    note: Callable[[UserId, ImageId], None]
    """An image was read."""
    vary: Callable[[], None]
    """What was read was a variant that is kept."""
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
        self._holders: dict[tuple[bytes | None, str], str] = {}
        self._date = (0, b"")

    def remember(self, data: bytes, image: HotImage) -> None:
        """Answer what *data* asks for here from now on: the long way has found that it is *image*."""
        head = self._reader.find(data)
        if head is None or image.shown.last_modified > self._clock():
            return
        if len(self._hosts) >= _MOST_HOSTS:
            self._hosts.clear()
        self._hosts.add(head.host)
        self._images.remember(head.target, image)

    def answer(self, data: bytes, line: Line) -> bool:
        """Answer the request *data* is; False, having done nothing, when it has to go the long way."""
        started = perf_counter()
        head = self._reader.find(data)
        if head is None or head.host not in self._hosts or _access.isEnabledFor(logging.DEBUG):
            return False
        found = self._find(head.target)
        if found is None:
            return False
        now = self._clock()
        reply = found.reply(head, now=now, is_https=self._is_https)
        if reply.status >= HTTPStatus.BAD_REQUEST or (source := self._open(found, reply)) is None:
            return False
        if not self._books.admit(self._who(head, line.address)):
            source.close()
            return False
        self._books.note(found.user, found.image)
        if found.original is not None:
            self._books.vary()
        self._send(line, reply, self._last_fields(head, now), source, partial(self._end, head.method, reply, started))
        return True

    def _find(self, target: bytes) -> HotImage | None:
        found = self._images.find(target)
        if found is None or found.is_there():
            return found
        self._images.forget(target)
        self._bodies.drop(found.witness.path)
        return None

    def _open(self, found: HotImage, reply: Reply) -> Source | None:
        """Return where the bytes of *reply* come from, None if they have gone."""
        source = Source(found.witness, self._bodies)
        if not reply.length or self._bodies.find(found.witness) is not None:
            return source
        self._bodies.want(found.witness, found.uses)
        return source if source.open() else None

    def _send(
        self, line: Line, reply: Reply, last_fields: bytes, source: Source, ended: Callable[[bool], None]
    ) -> None:
        opening = reply.head + last_fields
        image = source.body() if 0 < reply.length <= _SMALL else None
        if image is None and reply.length:
            line.transport.write(opening)
            line.pour(Pour(line.transport, reply.body, source, ended=ended))
            return
        line.transport.write(b"".join((opening, *_pieces(reply.body, image or b""))))
        ended(True)

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
        known = self._holders.get((head.address, address))
        if known is None:
            if len(self._holders) >= _MOST_ADDRESSES:
                self._holders.clear()
            known = holder(_last_address(head.address or b"") or address or "unknown")
            self._holders[head.address, address] = known
        return known


def _pieces(body: Body, image: bytes) -> list[bytes]:
    return [image[piece.start : piece.stop] if isinstance(piece, Span) else piece for piece in body]


def _last_address(text: bytes) -> str | None:
    try:
        return str(ip_address(text.decode().rpartition(",")[2].strip()))
    except ValueError:
        return None

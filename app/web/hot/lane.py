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
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Final, Protocol

from app.domain.ports import Clock
from app.web.hot.bodies import Bodies
from app.web.hot.books import Books
from app.web.hot.heads import Head, HeadReader
from app.web.hot.images import HotImage, HotImages
from app.web.hot.pouring import Pour
from app.web.hot.replies import Reply
from app.web.hot.source import Source
from app.web.hot.turns import Turn, Turns
from app.web.serving.plan import Body
from app.web.serving.ranges import Span

_access = logging.getLogger("app.access")

_MOST_HOSTS = 64
_REFUSED: Final = HTTPStatus.BAD_REQUEST.value
_SMALL: Final = 64 * 1024
"""Bodies up to this many bytes leave in one write with their head."""


class Line(Protocol):
    """A connection on which nothing is being answered and nothing waits to be sent."""

    @property
    def transport(self) -> asyncio.Transport: ...

    @property
    def address(self) -> str:
        """The address of the other end."""

    def send(self, *pieces: bytes | memoryview) -> None:
        """Send what is small, and read on."""

    def pour(self, pour: Pour) -> None:
        """Send what is large, and read nothing until it is sent."""


class Lane:
    """*is_https* as in `finish`; *new_id* names requests."""

    def __init__(
        self,
        *,
        images: HotImages,
        bodies: Bodies,
        reader: HeadReader,
        clock: Clock,
        books: Books,
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
        self._turns = Turns(clock=clock)

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
        turn = self._turns.current()
        found = self._find(head, turn)
        if head is None or found is None:
            return False
        reply = found.reply(head, now=turn.now, is_https=self._is_https)
        content = self._find_content(found, reply)
        if content is None:
            return False
        if not self._books.admits(head.address, line.address):
            _close(content)
            return False
        opening = b"%b%bX-Request-Id: %b\r\n\r\n" % (reply.head, turn.date, head.request_id or self._new_id().encode())
        self._books.read(found, turn.second)
        ended = partial(self._ended, head.method, reply.status, started)
        if isinstance(content, Source):
            line.pour(Pour(line.transport, (opening, *reply.body), content, ended=ended))
        else:
            line.send(opening, *_pieces(reply.body, content))
            ended(True)
        return True

    def _find(self, head: Head | None, turn: Turn) -> HotImage | None:
        """Return the image *head* asks for, if it is known here and still there."""
        if head is None or head.host not in self._hosts or _access.isEnabledFor(logging.DEBUG):
            return None
        found = self._images.find(head.target)
        if found is None or found.is_there(turn):
            return found
        self._images.forget(head.target)
        self._bodies.drop(found.witness.path)
        return None

    def _find_content(self, found: HotImage, reply: Reply) -> bytes | Source | None:
        """Return the image, if it is sent at once, or where it comes from; None if *reply* is not given here."""
        if reply.status >= _REFUSED:
            return None
        if not reply.length:
            return b""
        image = self._bodies.find(found.witness)
        if image is not None and reply.length <= _SMALL:
            return image
        source = Source(found.witness, self._bodies)
        if image is not None:
            return source
        self._bodies.want(found.witness, found.uses)
        return source if source.open() else None

    def _ended(self, method: str, status: int, started: float, is_whole: bool) -> None:  # noqa: FBT001 - as told
        self._books.count(method, status if is_whole else 0, perf_counter() - started)


def _pieces(body: Body, image: bytes) -> list[bytes | memoryview]:
    view = memoryview(image)
    return [view[piece.start : piece.stop] if isinstance(piece, Span) else piece for piece in body]


def _close(content: bytes | Source) -> None:
    if isinstance(content, Source):
        content.close()

"""Pours a body into a socket as fast as it is taken, holding no more of it than that.

It writes to the socket beside asyncio's transport, and only while the transport has nothing to write itself.  When the
socket is full, the transport is given a little more: its word that it has got rid of that is the signal to go on.
"""

import asyncio
import os
from collections.abc import Callable

from app.web.hot.source import Source
from app.web.serving.plan import Body
from app.web.serving.ranges import Span

_SLICE = 1024 * 1024
_TURN = 4 * 1024 * 1024
"""After this many bytes others get their turn."""
_SIP = 16 * 1024


class Pour:
    """Sends *body* in order, its spans out of *source*, which is closed at the end.

    *ended* is told once, whether everything was sent.  A body that cannot be sent in full cuts the connection: its
    head has promised a length.
    """

    def __init__(
        self, transport: asyncio.Transport, body: Body, source: Source, *, ended: Callable[[bool], None]
    ) -> None:
        self._transport = transport
        self._socket: int = transport.get_extra_info("socket").fileno()
        self._pieces = list(reversed(body))
        self._source = source
        self._ended = ended
        self._is_over = False

    @property
    def is_over(self) -> bool:
        return self._is_over

    def go_on(self) -> bool:
        """Send what the socket takes; to be called at first, and whenever the transport's buffer is empty again.

        Return whether to be called once more soon, because nobody else will.
        """
        image = self._source.body()
        try:
            if not self._fill(image):
                self._sip(image)
        except OSError:
            self.cut()
        # What the transport has taken but not sent yet is not sent.
        is_empty = not self._transport.get_write_buffer_size()
        if is_empty and not self._pieces:
            self._end(is_whole=True)
        return is_empty and not self._is_over and not self._transport.is_closing()

    def cut(self) -> None:
        """Give up: close the connection in the middle of the body."""
        self._transport.abort()
        self._end(is_whole=False)

    def close(self) -> None:
        """The connection is gone."""
        self._end(is_whole=False)

    def _fill(self, image: bytes | None) -> bool:
        """Send for one turn; False if the socket is full before."""
        left = _TURN
        try:
            while self._pieces and left > 0 and not self._transport.is_closing():
                sent = self._send(image)
                self._advance(sent)
                left -= sent
        except BlockingIOError:
            return False
        return True

    def _send(self, image: bytes | None) -> int:
        piece = self._pieces[-1]
        if isinstance(piece, Span) and image is None:
            return os.sendfile(self._socket, self._source.file(), piece.start, min(piece.size, _SLICE))
        return os.writev(self._socket, self._in_memory(image))

    def _in_memory(self, image: bytes | None) -> list[memoryview]:
        """Return the start of what is left: a head leaves together with what follows."""
        views, left = [], _SLICE
        for piece in reversed(self._pieces):
            if left <= 0 or (isinstance(piece, Span) and image is None):
                break
            views.append(_start_of(piece, image, left))
            left -= len(views[-1])
        return views

    def _sip(self, image: bytes | None) -> None:
        # Slow as the client is, the image may have been deleted and pushed out of memory before the end.
        self._source.open()
        piece = self._pieces[-1]
        if isinstance(piece, Span) and image is None:
            sip = os.pread(self._source.file(), min(piece.size, _SIP), piece.start)
        else:
            sip = bytes(_start_of(piece, image, _SIP))
        self._advance(len(sip))
        self._transport.write(sip)

    def _advance(self, count: int) -> None:
        """Take *count* bytes, which are on their way, off what is left."""
        if not count:
            raise OSError("the file is shorter than it was")
        while count:
            piece = self._pieces.pop()
            size = piece.size if isinstance(piece, Span) else len(piece)
            if count < size:
                left = Span(piece.start + count, piece.stop) if isinstance(piece, Span) else piece[count:]
                self._pieces.append(left)
            count -= min(count, size)

    def _end(self, *, is_whole: bool) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._pieces.clear()
        self._source.close()
        self._ended(is_whole)


def _start_of(piece: bytes | Span, image: bytes | None, most: int) -> memoryview:
    if isinstance(piece, Span):
        return memoryview(image or b"")[piece.start : min(piece.stop, piece.start + most)]
    return memoryview(piece)[:most]

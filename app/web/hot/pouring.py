"""Pours a body into a socket as fast as it is taken, holding no more of it than that.

It writes to the socket beside asyncio's transport, and only while the transport has nothing to write itself.  When the
socket is full, the transport is given a little more: its word that it has got rid of that is the signal to go on.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

from app.web.serving.ranges import Span

_SLICE = 512 * 1024
_TURN = 4 * 1024 * 1024
"""After this many bytes others get their turn."""
_SIP = 16 * 1024

Piece = memoryview | Span


class Pour:
    """Sends *pieces* in order, spans from the file *descriptor*, which is closed at the end.

    *ended* is told once, whether everything was sent.  A body that cannot be sent in full cuts the connection: its
    head has promised a length.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        pieces: Sequence[bytes | Piece],
        *,
        descriptor: int | None,
        ended: Callable[[bool], None],
    ) -> None:
        self._transport = transport
        self._socket: int = transport.get_extra_info("socket").fileno()
        self._pieces = [memoryview(piece) if isinstance(piece, bytes) else piece for piece in reversed(pieces)]
        self._descriptor = descriptor
        self._ended = ended
        self._is_over = False

    @property
    def is_over(self) -> bool:
        return self._is_over

    def go_on(self) -> bool:
        """Send what the socket takes; to be called at first, and whenever the transport's buffer is empty again.

        Return whether to be called once more soon, because nobody else will.
        """
        left = _TURN
        try:
            while self._pieces and left > 0 and not self._transport.is_closing():
                left -= self._send_some()
        except BlockingIOError:
            self._sip()
            # If there was room again meanwhile, the transport has nothing to tell.
            return not self._transport.get_write_buffer_size()
        except OSError:
            self.cut()
        if not self._pieces:
            self._end(is_whole=True)
        return not self._is_over and not self._transport.is_closing()

    def cut(self) -> None:
        """Give up: close the connection in the middle of the body."""
        self._transport.abort()
        self._end(is_whole=False)

    def close(self) -> None:
        """The connection is gone."""
        self._end(is_whole=False)

    def _send_some(self) -> int:
        piece = self._pieces.pop()
        try:
            sent = self._send(piece)
        except BlockingIOError:
            self._pieces.append(piece)
            raise
        if rest := _after(piece, sent):
            self._pieces.append(rest)
        return sent

    def _send(self, piece: Piece) -> int:
        if isinstance(piece, memoryview):
            return os.write(self._socket, piece[:_SLICE])
        sent = os.sendfile(self._socket, self._file(), piece.start, min(piece.size, _SLICE))
        if not sent:
            raise OSError("the file is shorter than it was")
        return sent

    def _sip(self) -> None:
        piece = self._pieces.pop()
        if isinstance(piece, memoryview):
            sip = bytes(piece[:_SIP])
        else:
            sip = os.pread(self._file(), min(piece.size, _SIP), piece.start)
        if rest := _after(piece, len(sip)):
            self._pieces.append(rest)
        self._transport.write(sip)

    def _file(self) -> int:
        if self._descriptor is None:
            raise OSError("there is no file to send from")
        return self._descriptor

    def _end(self, *, is_whole: bool) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._pieces.clear()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._ended(is_whole)


def _after(piece: Piece, count: int) -> Piece | None:
    if isinstance(piece, memoryview):
        return piece[count:] if count < len(piece) else None
    return Span(piece.start + count, piece.stop) if count < piece.size else None

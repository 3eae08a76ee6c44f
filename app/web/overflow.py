"""What a connection beyond the bound gets: 503 to its first request, and its end.

The answer waits for the request, for one that comes before its question is lost on many clients.  That takes a
descriptor for a moment, so the number of those is bounded too; whoever comes beyond it is cut off without a word.
Which path a connection will ask for cannot be known when it is opened, so none is kept free for health checks.
"""

import asyncio
from http import HTTPStatus

from aiohttp import hdrs

from app.domain.errors import Overloaded
from app.web.errors import problem
from app.web.finishing import finish
from app.web.patience import Alarm

MOST_AT_ONCE = 64

_RETRY_AFTER_SECONDS = 5
_PATIENCE_SECONDS = 1.0


class Overflow:
    """Turns connections away."""

    def __init__(self, *, patience: float = _PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._answer = _answer()
        self._held: set[_TurnedAway] = set()

    def take(self, transport: asyncio.Transport) -> None:
        """See *transport* to its end; its protocol has nothing more to do with it."""
        if len(self._held) >= MOST_AT_ONCE:
            transport.abort()
            return
        protocol = _TurnedAway(transport, answer=self._answer, patience=self._patience, held=self._held)
        transport.set_protocol(protocol)

    def close(self) -> None:
        for protocol in tuple(self._held):
            protocol.end()


class _TurnedAway(asyncio.Protocol):
    def __init__(
        self, transport: asyncio.Transport, *, answer: bytes, patience: float, held: "set[_TurnedAway]"
    ) -> None:
        self._transport = transport
        self._answer = answer
        self._held = held
        self._alarm = Alarm(patience, self.end)
        self._alarm.set()
        held.add(self)

    def data_received(self, _: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._answer)
            self._transport.close()

    def connection_lost(self, _: BaseException | None) -> None:
        self._alarm.clear()
        self._held.discard(self)

    def end(self) -> None:
        # Not closed: what the client does not take would keep it open.
        self._transport.abort()


def _answer() -> bytes:
    refusal = problem(Overloaded("Every connection is taken.", retry_after=_RETRY_AFTER_SECONDS))
    finish(refusal)
    body = refusal.body
    assert isinstance(body, bytes)  # noqa: S101 (a problem document is bytes)
    refusal.headers[hdrs.CONTENT_LENGTH] = str(len(body))
    refusal.headers[hdrs.CONNECTION] = "close"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {text}" for name, text in refusal.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body

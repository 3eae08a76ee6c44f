"""What is said in one answer: for the one who reads it as it comes, and as the text that is kept."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from app.domain.answers import Done, Event, Failed, Started, Token, Warned


class Transcript:
    """Begins with *begun* and *warnings*; takes up to *max_chars* characters of text."""

    def __init__(self, begun: Started, warnings: Iterable[Warned] = (), *, max_chars: int) -> None:
        self._events: list[Event] = [begun, *warnings]
        self._room = max_chars
        self._said: list[str] = []
        self._news = asyncio.Event()
        self._is_closed = False
        self.length = 0

    @property
    def text(self) -> str:
        return "".join(self._said)

    @property
    def is_full(self) -> bool:
        return self._room <= 0

    def warn(self, warning: Warned) -> None:
        self._tell(warning)

    def say(self, text: str) -> None:
        """Take the next piece, as much of it as there is room for."""
        piece = text[: self._room]
        if piece:
            self._room -= len(piece)
            self.length += len(piece)
            self._said.append(piece)
            self._tell(Token(piece))

    def close(self, last: Done | Failed) -> None:
        self._is_closed = True
        self._tell(last)

    async def events(self) -> AsyncIterator[Event]:
        """Yield each event once, from the first, as it comes, to the last: to as many readers as there are."""
        told = 0
        while True:
            while told < len(self._events):
                told += 1
                yield self._events[told - 1]
            if self._is_closed:
                return
            self._news.clear()  # who waits already was woken by what has come
            await self._news.wait()

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()

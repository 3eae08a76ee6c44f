"""What is said in one answer: for the one who reads it as it comes, and as the text that is kept."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

from app.domain.answers import Done, Event, Failed, Started, Token, Warned


class Transcript:
    """Begins with *begun* and *warnings*; takes up to *max_chars* characters of text."""

    def __init__(self, begun: Started, warnings: Iterable[Warned] = (), *, max_chars: int) -> None:
        self._events: deque[Event] = deque([begun, *warnings])
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
        """Yield each event once, as it comes, to the last; there is one reader."""
        while True:
            self._news.clear()
            while self._events:
                yield self._events.popleft()
            if self._is_closed:
                return
            await self._news.wait()

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()

"""Requests to Ollama, each on a connection of its own, and the answers that come piece by piece.

A new connection costs nothing beside an answer, and closing it is how a model is stopped; and on one kept from
before, a server that is just closing it looks the same as one that died of the question.
"""

import io
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from yarl import URL

from app.adapters.chat.lines import Lines, LineTooLong
from app.adapters.chat.refusals import unavailable
from app.domain.errors import AppError, ModelFailed

_HEADERS = {"Accept-Encoding": "identity", "Content-Type": "application/json", "User-Agent": "holdfast"}
_CONNECT_SECONDS = 3.0
_LONGEST_LINE = 1024 * 1024
_READ_BYTES = 64 * 1024


class Connections:
    """Sends requests to one host, following no redirect, keeping no cookie, through no proxy."""

    def __init__(self, *, base_url: str, key: str | None) -> None:
        if key is not None and not key.isprintable():
            raise ValueError("the key of Ollama holds a character that no header may hold")
        self._root = URL(base_url.rstrip("/"))
        self._headers = _HEADERS | ({} if key is None else {"Authorization": f"Bearer {key}"})
        self._session: ClientSession | None = None

    async def post(self, path: str, body: io.BytesIO) -> ClientResponse:
        """Send *body*, and return the answer once its head is there; raise `ModelUnavailable`.

        The answer is to be closed.  Time is bounded for the connection only.
        """
        with _translated(unavailable("Ollama did not answer.")):
            return await self._opened().post(self._root / path, data=body, allow_redirects=False)

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=0, force_close=True),
                cookie_jar=DummyCookieJar(),
                headers=self._headers,
                timeout=ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
                trust_env=False,
            )
        return self._session


class LineReader:
    """The lines of an answer."""

    def __init__(self, response: ClientResponse) -> None:
        self._content = response.content
        self._lines = Lines(longest=_LONGEST_LINE)
        self._ready: deque[bytes] = deque()

    async def next(self) -> bytes | None:
        """Return the next line, or None after the last; raise `ModelFailed`."""
        while not self._ready:
            with _translated(ModelFailed("The model's answer broke off.")):
                data = await self._content.readany()
            if not data:
                return self._lines.rest() or None
            try:
                self._ready += self._lines.feed(data)
            except LineTooLong as exc:
                raise ModelFailed("What the model said cannot be read.") from exc
        return self._ready.popleft()


async def read(response: ClientResponse, *, largest: int) -> bytes:
    """Return the body of an answer; raise `ModelUnavailable` when it is larger, or breaks off."""
    body = bytearray()
    with _translated(unavailable("Ollama's answer broke off.")):
        async for chunk in response.content.iter_chunked(_READ_BYTES):
            body += chunk
            if len(body) > largest:
                raise unavailable("Ollama's answer is too large.")
    return bytes(body)


@contextmanager
def _translated(refusal: AppError) -> Iterator[None]:
    try:
        yield
    except (ClientError, OSError, UnicodeError) as exc:  # the last is what a host that no resolver can spell raises
        raise refusal from exc

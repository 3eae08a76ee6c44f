"""One request to a provider and its answer, bounded in bytes and in time.

Whatever goes wrong below HTTP becomes one of two things here, because only one question matters to a caller that
pays for what it starts: can the request have arrived?
"""

import asyncio
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    ServerFingerprintMismatch,
    TCPConnector,
)
from yarl import URL

# An encoded answer would have to be bounded twice: as it comes, and unpacked.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "holdfast"}
_CONNECT_SECONDS = 10.0
_TRANSFER_SECONDS = 60.0
_SMALL_BYTES = 256 * 1024
_READ_BYTES = 64 * 1024


class NotSent(Exception):
    """There was no connection: the request did not arrive."""


class NoAnswer(Exception):
    """The request may have arrived; no complete answer did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def may_change(self) -> bool:
        """Whether the same request may be answered better a little later."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS or self.is_server_error

    @property
    def is_server_error(self) -> bool:
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    async def document(self) -> Any:
        """Return the JSON of the body; raise `ValueError`.  A large body is read off the event loop."""
        if len(self.body) <= _SMALL_BYTES:
            return _decoded(self.body)
        return await asyncio.to_thread(_decoded, self.body)


class Exchange:
    """Sends requests to one host, following no redirect and keeping no cookie."""

    def __init__(self, *, largest_answer: int, authorization: str | None = None) -> None:
        """Send *authorization*, if there is any, with every request."""
        self._headers = dict(_HEADERS)
        if authorization is not None:
            self._headers["Authorization"] = authorization
        self._largest_answer = largest_answer
        self._sessions: dict[bool, ClientSession] = {}

    async def send(
        self,
        method: str,
        url: URL,
        *,
        patience: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        once: bool = False,
    ) -> Answer:
        """Send a request and wait *patience* seconds for its answer; raise `NotSent` or `NoAnswer`.

        *once* takes a new connection: on one kept from before, a server that is just closing it looks the same as
        one that took the request and died.
        """
        timeout = ClientTimeout(
            total=_CONNECT_SECONDS + patience + _TRANSFER_SECONDS,
            sock_connect=_CONNECT_SECONDS,
            sock_read=patience,
        )
        with _translated():
            async with self._session(once).request(
                method,
                url,
                headers=headers,
                # From a buffer: bytes of this size would be handed to the socket in one piece.
                data=None if body is None else io.BytesIO(body),
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return await self._read(response)

    async def aclose(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()

    def _session(self, once: bool) -> ClientSession:  # noqa: FBT001 - it is the key
        # No limit on connections: a hundred creates that wait for a minute must not hold up a poll.
        if once not in self._sessions:
            self._sessions[once] = ClientSession(
                connector=TCPConnector(limit=0, force_close=once),
                cookie_jar=DummyCookieJar(),
                headers=self._headers,
                trust_env=False,
            )
        return self._sessions[once]

    async def _read(self, response: ClientResponse) -> Answer:
        body = bytearray()
        async for chunk in response.content.iter_chunked(_READ_BYTES):
            body += chunk
            if len(body) > self._largest_answer:
                raise NoAnswer("the answer is too large")
        return Answer(status=response.status, headers=response.headers, body=bytes(body))


async def encoded(document: Mapping[str, Any]) -> bytes:
    """Return *document* as JSON, made off the event loop: inputs may hold whole images.  Raise `ValueError`."""
    return await asyncio.to_thread(_encoded, document)


def _encoded(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, allow_nan=False).encode()


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError as exc:
        raise ValueError("the answer is nested too deeply") from exc


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (
        ClientConnectorError,
        ClientConnectorCertificateError,
        ConnectionTimeoutError,
        ServerFingerprintMismatch,
    ) as exc:
        raise NotSent(type(exc).__name__) from exc
    except (ClientError, OSError, TimeoutError) as exc:
        raise NoAnswer(type(exc).__name__) from exc

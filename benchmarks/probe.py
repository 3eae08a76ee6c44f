"""A client that looks at every byte: it says what an answer weighs, and whether it is the right one.

Raw, because the weight of a round's answers is compared with what the load generator has read, head and all.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

_LIMIT = 2**22


class WrongAnswer(Exception):
    """A server answered something else than it should; what it does is not comparable."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came.  *weight* is all its bytes, those of the head included."""

    status: int
    headers: dict[str, str]
    body: bytes
    weight: int


@dataclass(frozen=True, slots=True)
class Request:
    """A GET, and what must come back: *sha256* is that of the body, *size* its bytes."""

    path: str
    status: int
    size: int
    sha256: str
    headers: tuple[tuple[str, str], ...] = ()

    def check(self, answer: Answer) -> None:
        """Raise `WrongAnswer` unless *answer* is the one."""
        found = answer.status, len(answer.body), sha256(answer.body).hexdigest()
        if found != (self.status, self.size, self.sha256):
            raise WrongAnswer(f"{self.path}: {found}, and not {(self.status, self.size, self.sha256)}")


class Connection:
    """One connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def get(self, path: str, headers: Sequence[tuple[str, str]] = ()) -> Answer:
        """Return the answer to a GET; one without a `Content-Length` has no body here."""
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        body = b"" if status == 304 else await self._reader.readexactly(int(found.get("content-length", 0)))
        return Answer(status, found, body, len(head) + len(body))


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """Open a connection to a port on loopback while the block runs."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_LIMIT)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()


async def check(port: int, requests: Sequence[Request], *, connections: int) -> set[int]:
    """Send every one of *requests* once, over so many connections, and return the weights of the answers.

    Raise `WrongAnswer` for the first that is not as it should be.
    """
    waiting, weights = iter(requests), set[int]()

    async def client() -> None:
        async with connected(port) as connection:
            for request in waiting:
                answer = await connection.get(request.path, request.headers)
                request.check(answer)
                weights.add(answer.weight)

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(client())
    return weights

"""A real web server on loopback that answers as a test says, faults included."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from multidict import CIMultiDict


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer.  With *takes_ranges* it honours `Range` and `If-Range` against its `ETag`."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    chunked: bool = False
    takes_ranges: bool = False
    cut_after: int | None = None
    """Close the connection after so many bytes of the body."""
    hangs: bool = False
    """Say nothing more after the last byte, and keep the connection."""


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    target: str
    headers: Mapping[str, str]


class Origin:
    """Answers each path with its list of answers in turn; the last one stays."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.port = 0
        self._answers: dict[str, list[Answer]] = {}

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def answer(self, path: str, *answers: Answer) -> str:
        """Set what *path* answers and return its URL."""
        self._answers[path] = list(answers)
        return self.url(path)

    def redirect(self, path: str, to: str, status: int = 302) -> str:
        return self.answer(path, Answer(status=status, headers={"Location": to}))

    @property
    def targets(self) -> list[str]:
        return [seen.target for seen in self.seen]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(Seen(request.raw_path, CIMultiDict(request.headers)))
        answers = self._answers.get(request.path, [Answer(status=404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return await _send(request, answer)


@asynccontextmanager
async def running_origin() -> AsyncIterator[Origin]:
    """Serve an `Origin` on a free loopback port."""
    origin = Origin()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", origin.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        origin.port = runner.addresses[0][1]
        yield origin
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_origin(answer: bytes) -> AsyncIterator[str]:
    """Serve exactly these bytes to whoever connects, then close; yield `host:port`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _send(request: web.Request, answer: Answer) -> web.StreamResponse:
    start = _start(request, answer)
    rest = answer.body[start or 0 :]
    response = web.StreamResponse(status=answer.status if start is None else 206, headers=answer.headers)
    if start is not None:
        response.headers["Content-Range"] = f"bytes {start}-{len(answer.body) - 1}/{len(answer.body)}"
    if answer.takes_ranges:
        response.headers["Accept-Ranges"] = "bytes"
    if answer.chunked:
        response.enable_chunked_encoding()
    elif "Content-Length" not in answer.headers:
        response.content_length = len(rest)
    await response.prepare(request)
    await response.write(rest if answer.cut_after is None else rest[: answer.cut_after])
    if answer.hangs:
        await asyncio.Event().wait()
    if answer.cut_after is not None:
        response.force_close()
        if answer.chunked:
            assert request.transport is not None
            request.transport.close()
    return response


def _start(request: web.Request, answer: Answer) -> int | None:
    """Return where a partial answer begins, or None for a whole one."""
    wanted = request.headers.get("Range")
    same = request.headers.get("If-Range") == answer.headers.get("ETag")
    if not (answer.takes_ranges and wanted and same):
        return None
    return int(wanted.removeprefix("bytes=").removesuffix("-"))

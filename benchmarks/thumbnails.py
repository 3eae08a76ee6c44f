"""Thumbnails of 450 pixels out of pictures nobody has asked for yet, and the same again by a client that has them."""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from PIL import Image, UnidentifiedImageError

from benchmarks.album import Album, Picture
from benchmarks.holdfast import holdfast
from benchmarks.machine import Cores, cpu_seconds, pinned
from benchmarks.peers import Missing
from benchmarks.peers.servers import Server, ipx, thumbor
from benchmarks.probe import WrongAnswer

WIDTH = 450
_CONNECTIONS = 4
_FORMATS = {"WebP": "webp", "JPEG": "jpg"}

_PATHS: dict[str, Callable[[Picture, str], str]] = {
    "Holdfast": lambda picture, extension: f"{picture.path.rpartition('.')[0]}.{extension}?w={WIDTH}",
    "Thumbor": lambda picture, extension: f"/unsafe/{WIDTH}x0/filters:format({_spelled(extension)})/{picture.file}",
    "IPX": lambda picture, extension: f"/w_{WIDTH},f_{_spelled(extension)}/{picture.file}",
}


@dataclass(frozen=True, slots=True)
class Batch:
    """Some thumbnails, the wall time they took, and the CPU time of the server."""

    count: int
    seconds: float
    cpu: float


@dataclass(slots=True)
class Making:
    """What one server did with one format; *again* is with validators.  *lack* says why not."""

    server: str
    format: str
    made: list[Batch] = field(default_factory=list)
    again: list[Batch] = field(default_factory=list)
    kilobytes: float = 0
    lack: str | None = None

    @property
    def rate(self) -> float:
        """Thumbnails per second on the one core."""
        return statistics.median(batch.count / batch.seconds for batch in self.made)

    @property
    def per_core(self) -> float:
        """Thumbnails per second of CPU time."""
        return statistics.median(batch.count / max(batch.cpu, 0.01) for batch in self.made)

    @property
    def rate_again(self) -> float:
        return statistics.median(batch.count / batch.seconds for batch in self.again)


async def compare(album: Album, *, cores: Cores, rounds: int, count: int) -> list[Making]:
    """Let every server that is here make *rounds* times *count* thumbnails of each format, turn by turn."""
    starts = {"Holdfast": _holdfast, "Thumbor": thumbor, "IPX": ipx}
    makings, up = [Making(name, format_) for name in starts for format_ in _FORMATS], dict[str, Server]()
    async with AsyncExitStack() as stack:
        for name, start in starts.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peer-", dir=album.folder.parent)))
            try:
                with pinned(cores.server):
                    up[name] = await stack.enter_async_context(start(album, folder))
            except Missing as lack:
                _give_up(makings, name, str(lack))
        for number, pictures in enumerate(_slices(album.large, rounds, count)):
            print(f"thumbnails: round {number + 1} of {rounds}", file=sys.stderr)
            for making in makings:
                if making.lack is None:
                    await _round(up[making.server], making, pictures)
    return makings


def _holdfast(album: Album, folder: Path) -> AbstractAsyncContextManager[Server]:
    return holdfast(album, folder, IMAGE_VARIANT_WIDTHS=f"320,{WIDTH},640")


def _give_up(makings: Sequence[Making], server: str, why: str) -> None:
    for making in makings:
        if making.server == server:
            making.lack = why


def _slices(pictures: Sequence[Picture], rounds: int, count: int) -> Iterator[Sequence[Picture]]:
    """Yield pictures that no round before has used."""
    for number in range(rounds):
        yield pictures[number * count : (number + 1) * count]


async def _round(server: Server, making: Making, pictures: Sequence[Picture]) -> None:
    paths = [_PATHS[server.name](picture, _FORMATS[making.format]) for picture in pictures]
    connector, timeout = TCPConnector(limit=_CONNECTIONS), ClientTimeout(total=60)
    async with ClientSession(f"http://127.0.0.1:{server.port}", connector=connector, timeout=timeout) as http:
        client = _Client(http, making.format)
        try:
            making.made.append(await _timed(server, paths, client.make))
            making.again.append(await _timed(server, paths, client.make_again))
        except* (WrongAnswer, ClientError, TimeoutError) as problems:
            making.lack = str(problems.exceptions[0]) or "it took longer than a minute"
    making.kilobytes = client.bytes / len(paths) / 1000


async def _timed(server: Server, paths: Sequence[str], one: Callable[[str], Awaitable[None]]) -> Batch:
    waiting = iter(paths)

    async def client() -> None:
        for path in waiting:
            await one(path)

    before, started = cpu_seconds(server.pid), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(client())
    return Batch(len(paths), time.perf_counter() - started, cpu_seconds(server.pid) - before)


class _Client:
    """Fetches thumbnails, judges them, and remembers their validators as a browser does."""

    def __init__(self, http: ClientSession, format_: str) -> None:
        self._http = http
        self._format = format_
        self._validators: dict[str, dict[str, str]] = {}
        self.bytes = 0

    async def make(self, path: str) -> None:
        async with self._http.get(path) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise WrongAnswer(f"{path}: {answer.status}")
            pairs = (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
            self._validators[path] = {name: answer.headers[given] for name, given in pairs if given in answer.headers}
        self.bytes += len(body)
        self._judge(path, body)

    async def make_again(self, path: str) -> None:
        async with self._http.get(path, headers=self._validators[path]) as answer:
            await answer.read()
            if answer.status != (304 if self._validators[path] else 200):
                raise WrongAnswer(f"{path}, asked for again: {answer.status}")

    def _judge(self, path: str, body: bytes) -> None:
        try:
            image = Image.open(BytesIO(body))
        except UnidentifiedImageError:
            raise WrongAnswer(f"{path}: no picture") from None
        if (image.width, image.format) != (WIDTH, self._format.upper()):
            raise WrongAnswer(f"{path}: a {image.format} {image.width} wide")


def _spelled(extension: str) -> str:
    return "jpeg" if extension == "jpg" else extension

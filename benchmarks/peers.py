"""Serving beside a peer: aiohttp's own static route over the very files that Holdfast has stored.

Rounds alternate, so that whatever else the machine does hits both alike; the ratio of medians is what counts.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from aiohttp import ClientSession, TCPConnector, web

from devkit.pictures import noise
from devkit.service import service_process
from devkit.serving import served

_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Comparison:
    """Requests per second of both, and the ratio of ours to the peer's."""

    name: str
    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        return self.ours / self.peer


async def compare(folder: Path) -> list[Comparison]:
    """Store images of several sizes, then let both serve the same files."""
    sizes = {"17 KB, 64 connections": (17 * 1024, 64, 2000), "2 MB, 16 connections": (2 * 2**20, 16, 200)}
    found = []
    async with _origin() as origin, service_process(folder, **_settings()) as service, _peer(folder) as peer:
        for name, (size, connections, count) in sizes.items():
            body = {"user_id": "bench", "url": f"{origin}/{size}.png", "wait": 60}
            async with ClientSession() as http, http.post(f"{service.url}/v1/images/import", json=body) as answer:
                document = await answer.json()
            urls = (document["url"], f"{peer}/bench/{document['id']}.png")
            found.append(await _alternate(name, urls, connections, count))
    return found


def _settings() -> dict[str, str]:
    return {
        "ALLOW_PRIVATE_SOURCES": "true",
        "SOURCE_HOST_ALLOWLIST": "127.0.0.1",
        "RATE_LIMIT_READS": "",
    }


async def _alternate(name: str, urls: Sequence[str], connections: int, count: int) -> Comparison:
    rates: list[list[float]] = [[] for _ in urls]
    for _ in range(_ROUNDS):
        for rate, url in zip(rates, urls, strict=True):
            rate.append(await _rate(url, connections, count))
    ours, peer = (statistics.median(rate) for rate in rates)
    return Comparison(name, ours, peer)


async def _rate(url: str, connections: int, count: int) -> float:
    """Return the requests per second of *count* GETs over so many connections."""
    numbers = iter(range(count))
    async with ClientSession(connector=TCPConnector(limit=connections)) as http:

        async def client() -> None:
            for _ in numbers:
                async with http.get(url) as answer:
                    answer.raise_for_status()
                    await answer.read()

        started = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(connections)))
        return count / (time.perf_counter() - started)


@asynccontextmanager
async def _origin() -> AsyncIterator[str]:
    async def show(request: web.Request) -> web.Response:
        return web.Response(body=noise(3, size=int(request.match_info["size"])), content_type="image/png")

    app = web.Application()
    app.router.add_get("/{size}.png", show)
    async with served(app) as url:
        yield url


@asynccontextmanager
async def _peer(folder: Path) -> AsyncIterator[str]:
    """Serve the stored files by aiohttp's static route, from a process of its own."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve_static, args=(folder / "images", theirs), daemon=True)
    process.start()
    try:
        yield await asyncio.to_thread(ours.recv)
    finally:
        process.terminate()
        await asyncio.to_thread(process.join)


def _serve_static(folder: Path, tell: Connection) -> None:
    async def serve() -> None:
        app = web.Application()
        app.router.add_static("/", folder)
        async with served(app) as url:
            tell.send(url)
            await asyncio.Event().wait()

    asyncio.run(serve())

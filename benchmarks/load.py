"""The load of the plan: generations and imports at once, a thousand images, a hundred readers, one large image."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from benchmarks.memory import watched
from benchmarks.origin import import_image, origin
from devkit.pictures import noise, picture
from devkit.replicate import ReplicateStandIn
from devkit.service import ServiceProcess, service_process

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was done, how long it took, and what it took of memory."""

    name: str
    result: str
    wanted: str
    holds: bool


async def measure(folder: Path) -> list[Row]:
    """Run every scenario against one service, and return the lines of the table."""
    async with (
        ReplicateStandIn() as replicate,
        origin(_bodies()) as source,
        service_process(folder, **_settings(replicate)) as service,
        _client() as http,
    ):
        await import_image(http, service.url, f"{source}/small/warm-up.png")
        return [
            await _generations(http, service),
            *await _imports(http, service, source),
            await _thousand(http, service, source),
            await _readers(http, service, source),
            *await _large(http, service, source),
        ]


def _settings(replicate: ReplicateStandIn) -> dict[str, str]:
    return {
        "REPLICATE_BASE_URL": replicate.base_url,
        "REPLICATE_API_TOKEN": replicate.token,
        "ALLOW_PRIVATE_SOURCES": "true",
        "IMAGE_PER_USER_LIMIT": "0",
    }


def _bodies() -> Callable[[str], bytes]:
    """Noise of two and of twelve megabytes, and small pictures, under any name."""
    medium, large = noise(1, size=2 * MEBIBYTE), noise(2, size=12 * MEBIBYTE)
    bodies: dict[str, Callable[[str], bytes]] = {
        "small": picture,
        "medium": lambda _: medium,
        "large": lambda _: large,
    }

    def body_of(name: str) -> bytes:
        size, _, rest = name.partition("/")
        return bodies[size](rest)

    return body_of


@asynccontextmanager
async def _client() -> AsyncIterator[ClientSession]:
    async with ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=300)) as http:
        yield http


async def _generations(http: ClientSession, service: ServiceProcess) -> Row:
    async def one(number: int) -> None:
        body = {"user_id": "bench", "model": "acme/painter", "input": {"prompt": str(number)}}
        async with http.post(f"{service.url}/v1/images/generate", json=body) as answer:
            document = await answer.json()
            if document.get("status") != "stored":
                raise RuntimeError(f"{answer.status}: {document}")

    async with watched(service.pid) as peak:
        seconds, _ = await _at_once(100, one)
    return Row(
        "100 generations at once",
        f"all stored in {seconds:.1f} s, memory {_mb(peak.size)}",
        "all stored",
        holds=True,
    )


async def _imports(http: ClientSession, service: ServiceProcess, source: str) -> list[Row]:
    async def one(number: int) -> None:
        await import_image(http, service.url, f"{source}/medium/{number}.png")

    async with watched(service.pid) as peak:
        seconds, _ = await _at_once(100, one)
    return [
        Row("100 imports of 2 MB at once", f"all stored in {seconds:.1f} s", "all stored", holds=True),
        Row("memory meanwhile, decoders included", _mb(peak.size), "at most 300 MB", holds=peak.size <= 300e6),
    ]


async def _thousand(http: ClientSession, service: ServiceProcess, source: str) -> Row:
    turn = asyncio.Semaphore(50)

    async def one(number: int) -> None:
        async with turn:
            await import_image(http, service.url, f"{source}/small/{number}.png")

    seconds, _ = await _at_once(1000, one)
    return Row("1,000 images stored", f"{1000 / seconds:.0f} images/s", "all stored", holds=True)


async def _readers(http: ClientSession, service: ServiceProcess, source: str) -> Row:
    urls = [(await import_image(http, service.url, f"{source}/medium/{number}.png"))["url"] for number in range(100)]

    async def one(number: int) -> None:
        async with http.get(urls[number]) as answer:
            if len(await answer.read()) < 2_000_000:
                raise RuntimeError("too short")

    await _at_once(100, one)
    _, each = await _at_once(100, one)
    worst = max(each) * 1000
    return Row(
        "100 images of 2 MB served at once",
        f"median {statistics.median(each) * 1000:.0f} ms, worst {worst:.0f} ms",
        "each under 500 ms",
        holds=worst < 500,
    )


async def _large(http: ClientSession, service: ServiceProcess, source: str) -> list[Row]:
    started = time.perf_counter()
    image = await import_image(http, service.url, f"{source}/large/one.png")
    stored = time.perf_counter() - started
    started = time.perf_counter()
    async with http.get(image["url"]) as answer:
        size = len(await answer.read())
    served_in = (time.perf_counter() - started) * 1000
    return [
        Row(f"an image of {size / 1e6:.1f} MB stored", f"{stored:.2f} s", "stored", holds=True),
        Row("... and served", f"{served_in:.0f} ms", "under 500 ms", holds=served_in < 500),
    ]


async def _at_once(count: int, one: Callable[[int], Awaitable[None]]) -> tuple[float, list[float]]:
    """Run *count* of *one* together; return the seconds of all, and of each."""

    async def timed(number: int) -> float:
        started = time.perf_counter()
        await one(number)
        return time.perf_counter() - started

    started = time.perf_counter()
    each = await asyncio.gather(*(timed(number) for number in range(count)))
    return time.perf_counter() - started, list(each)


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"

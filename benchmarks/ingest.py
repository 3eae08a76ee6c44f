"""What readers notice while a hundred pictures come in, and what the service takes of memory meanwhile."""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from benchmarks.album import Album
from benchmarks.machine import Cores, cpu_seconds_of_others, pinned
from benchmarks.memory import watched
from benchmarks.origin import import_image, origin
from benchmarks.probe import WrongAnswer
from devkit.pictures import noise
from devkit.service import ServiceProcess, service_process

RATE = 200
CONNECTIONS = 64
IMPORTS = 100
_ROOT = Path(__file__).parent.parent
_IDLE_SECONDS = 3.0
_SETTLE_SECONDS = 1.0

Window = tuple[float, float]
"""Two moments, or a moment and a duration, in seconds of the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of the GETs in windows of one kind: medians of the windows, and the worst of all."""

    p50: float
    p99: float
    worst: float


@dataclass(frozen=True, slots=True)
class Ingest:
    """The readers' latencies, the seconds a hundred imports took, and the peak of memory in bytes."""

    idle: Latency
    busy: Latency
    seconds: float
    memory: int
    others: float
    """How much of a core strangers took while pictures came in, in the worst window."""


async def measure(album: Album, *, cores: Cores, rounds: int, imports: int = IMPORTS) -> Ingest:
    """Read the small picture at a fixed rate, with the service idle and importing by turns."""
    body, numbers = noise(1, size=2 * 2**20), count()
    idle, busy, others = list[Window](), list[Window](), list[float]()
    async with (
        origin(lambda _: body) as source,
        _service(album, cores) as service,
        ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=300)) as http,
        _readers(album, urlsplit(service.url).port or 0) as stop,
        watched(service.pid) as peak,
    ):

        async def one() -> None:
            await import_image(http, service.url, f"{source}/{next(numbers)}.png", user="ingest")

        await one()  # starts the decoders
        for number in range(rounds):
            print(f"ingest: round {number + 1} of {rounds}", file=sys.stderr)
            idle.append(await _window(asyncio.sleep(_IDLE_SECONDS)))
            before = cpu_seconds_of_others()
            busy.append(await _window(asyncio.gather(*(one() for _ in range(imports)))))
            others.append((cpu_seconds_of_others() - before) / (busy[-1][1] - busy[-1][0]))
        seen = await stop()
    seconds = statistics.median(end - begin for begin, end in busy)
    return Ingest(_latency(seen, idle), _latency(seen, busy), seconds, peak.size, max(others))


@asynccontextmanager
async def _service(album: Album, cores: Cores) -> AsyncIterator[ServiceProcess]:
    settings = {"ALLOW_PRIVATE_SOURCES": "true", "SOURCE_HOST_ALLOWLIST": "127.0.0.1"}
    limits = {"RATE_LIMIT_READS": "", "RATE_LIMIT_WRITES": ""}
    async with AsyncExitStack() as stack:
        with pinned(cores.rest):
            service = await stack.enter_async_context(service_process(album.folder, **settings, **limits))
        yield service


@asynccontextmanager
async def _readers(album: Album, port: int) -> AsyncIterator[Callable[[], Awaitable[list[Window]]]]:
    """Run the pacer; what is yielded ends it and returns when each GET was due, and its seconds."""
    asked = (str(port), album.small.path, str(album.small.size), str(RATE), str(CONNECTIONS))
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "benchmarks.pacer", *asked)
    process = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdin=pipe, stdout=pipe)

    async def stop() -> list[Window]:
        output, _ = await process.communicate(b"")
        if process.returncode:
            raise WrongAnswer("a GET failed while images came in")
        return [(due, seconds) for due, seconds in json.loads(output)]

    try:
        await asyncio.sleep(_SETTLE_SECONDS)
        yield stop
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _window(work: Awaitable[object]) -> Window:
    began = time.monotonic()
    await work
    return began, time.monotonic()


def _latency(seen: Sequence[Window], windows: Sequence[Window]) -> Latency:
    each = [sorted(1000 * took for due, took in seen if begin <= due < end) for begin, end in windows]
    return Latency(
        p50=statistics.median(statistics.median(one) for one in each),
        p99=statistics.median(one[int(len(one) * 0.99)] for one in each),
        worst=max(one[-1] for one in each),
    )

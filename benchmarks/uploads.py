"""Fifty uploads of 20 MB at once: how long they take, and what the service takes of memory meanwhile."""

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, FormData, TCPConnector

from benchmarks.machine import Cores, cpu_seconds_of_others, pinned
from benchmarks.memory import memory_of, watched
from benchmarks.probe import WrongAnswer
from devkit.pictures import noise
from devkit.service import ServiceProcess, service_process

COUNT = 50
SIZE = 20 * 10**6


@dataclass(frozen=True, slots=True)
class Uploads:
    """Seconds for all of them; bytes of memory: idle, the peak of the service itself, and with its decoders."""

    seconds: float
    idle: int
    own: int
    memory: int
    others: float
    """How much of a core strangers took meanwhile."""


async def measure(folder: Path, *, cores: Cores, count: int = COUNT) -> Uploads:
    """Upload *count* pictures at once; each has to be answered with 201."""
    print(f"uploads: {count} of {SIZE / 10**6:.0f} MB at once", file=sys.stderr)
    picture = await asyncio.to_thread(_picture, folder)
    settings = {"RATE_LIMIT_WRITES": "", "IMAGE_PER_USER_LIMIT": "0"}
    async with (
        ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=600)) as http,
        AsyncExitStack() as stack,
    ):
        with pinned(cores.rest):
            service = await stack.enter_async_context(service_process(folder, **settings))
        return await _measure(http, service, picture, count)


def _picture(folder: Path) -> Path:
    folder.mkdir()
    picture = folder / "picture.png"
    picture.write_bytes(noise(1, size=SIZE))
    return picture


async def _measure(http: ClientSession, service: ServiceProcess, picture: Path, count: int) -> Uploads:
    await _upload(http, service, picture)  # starts a decoder
    idle, others, began = memory_of(service.pid), cpu_seconds_of_others(), time.monotonic()
    async with watched(service.pid) as peak:
        await asyncio.gather(*(_upload(http, service, picture) for _ in range(count)))
    seconds = time.monotonic() - began
    return Uploads(seconds, idle, peak.own, peak.size, (cpu_seconds_of_others() - others) / seconds)


async def _upload(http: ClientSession, service: ServiceProcess, picture: Path) -> None:
    form = FormData()
    form.add_field("user_id", "ana")
    with picture.open("rb") as file:
        form.add_field("file", file, filename="picture.png", content_type="image/png")
        async with http.post(f"{service.url}/api/uploads/image", data=form) as answer:
            if answer.status != 201:
                raise WrongAnswer(f"an upload was answered {answer.status}: {await answer.text()}")

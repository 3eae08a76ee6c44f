"""The real service in this process, over a folder, and an app that works it and writes down what it was promised.

Two parts are replaced.  Sources are data URIs, so that no network is needed.  And pictures are looked into by the
decoder's own code in a thread of this process instead of in a worker: starting one takes longer than all the rest.
"""

import asyncio
import base64
import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import cast

from aiohttp import web

from app.adapters.imaging.decode import prepare
from app.adapters.imaging.outline import Limits
from app.adapters.imaging.pool import InspectorPool
from app.adapters.imaging.worker import inspect
from app.config import Settings
from app.domain.errors import StorageUnavailable
from app.domain.ids import ImageId, UserId
from app.domain.images import ImageFacts, ImageStatus
from app.domain.variants import Rendering, Survey
from app.services.importing import Imported
from app.services.sources import Import
from app.wiring import World
from app.wiring.adapters import opened
from app.wiring.graph import Graph
from app.wiring.lifecycle import Holdfast, running
from devkit.clock import FakeClock
from devkit.pictures import picture


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of what the app was told.  *what* is `begun`, `stored`, `promised`, `deleting` or `deleted`.

    Of conversations it is what `talking` says.
    """

    what: str
    user: str
    image: str
    sha256: str = ""
    failed_syncs: int = 0

    def send(self, descriptor: int) -> None:
        os.write(descriptor, json.dumps(asdict(self)).encode() + b"\n")


class ThreadInspector:
    """The decoder's code without its process."""

    def __init__(self) -> None:
        prepare(Limits())

    async def inspect(self, path: Path) -> ImageFacts:
        return (await self.survey(path)).facts

    async def survey(self, path: Path, copy: Rendering | None = None) -> Survey:
        try:
            facts, made = await asyncio.to_thread(inspect, path, Limits(), copy)
        except OSError as error:
            raise StorageUnavailable(f"The picture cannot be read: {error}") from error
        return Survey(facts=ImageFacts(**facts), copy=made)

    async def aclose(self) -> None: ...


def bytes_of(seed: str) -> bytes:
    return picture(seed, width=8, height=8)


def uri_of(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def sha256_of(seed: str) -> str:
    return hashlib.sha256(bytes_of(seed)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running service, and the app beside it.  *wait* is how many seconds the app waits for an image."""

    graph: Graph
    clock: FakeClock
    tell: Callable[[Promise], None]
    wait: float = 20.0

    async def keep(self, user: str, image: str, *, seed: str | None = None) -> None:
        """Import a picture; once it is said to be stored, that is a promise."""
        seed = seed or f"{user}/{image}"
        sha256 = sha256_of(seed)
        self.tell(Promise("begun", user, image, sha256))
        wanted = Import(user=UserId(user), url=uri_of(bytes_of(seed)), image=ImageId(image))
        outcome = await self.graph.imports.import_image(wanted, wait=timedelta(seconds=self.wait))
        if isinstance(outcome, Imported) and outcome.image.status is ImageStatus.STORED:
            self.tell(Promise("stored", user, image, sha256))
        else:
            raise TimeoutError("still capturing")

    async def remove(self, user: str, image: str) -> None:
        """Delete an image; once that is done, that is a promise too."""
        self.tell(Promise("deleting", user, image))
        await self.graph.hosting.delete(UserId(user), ImageId(image))
        self.tell(Promise("deleted", user, image))

    async def settled(self, *, seconds: float = 20.0, hurry: bool = True) -> None:
        """Wait until no capture is open; time passes quickly meanwhile."""
        async with asyncio.timeout(seconds):
            while (await self.graph.adapters.captures.backlog()).open:
                if hurry:
                    self.hurry()
                await asyncio.sleep(0.005)

    def hurry(self) -> None:
        """Let a second pass, and have the captures looked at."""
        self.clock.advance(1.0)
        self.graph.runner.kick()


@asynccontextmanager
async def standing(folder: Path, clock: FakeClock) -> AsyncIterator[Graph]:
    """Yield the services over an opened store, without the clockwork."""
    settings = Settings.from_env({"IMAGE_STORAGE_PATH": str(folder / "images"), "PORT": "0"}, dotenv=None)
    world = World(clock=clock, monotonic=time.monotonic)
    async with opened(settings, world) as adapters:
        inspector = cast(InspectorPool, ThreadInspector())
        yield Graph(settings, world, replace(adapters, inspector=inspector))


@asynccontextmanager
async def on_stage(
    folder: Path, clock: FakeClock, tell: Callable[[Promise], None], *, opened_first: Callable[[], None] = lambda: None
) -> AsyncIterator[Stage]:
    """Run the service with its real start and stop; *opened_first* is called between opening and recovery."""
    async with standing(folder, clock) as graph:
        opened_first()
        async with running(Holdfast(graph, web.Application())):
            yield Stage(graph=graph, clock=clock, tell=tell)


Step = Callable[[Stage], Awaitable[None]]

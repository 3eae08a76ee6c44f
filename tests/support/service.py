"""The real service on a loopback port, over real files, beside a stand-in Replicate."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession

from app.cli.serving import listen
from app.config import Settings
from app.wiring import World, running, wired
from app.wiring.graph import Graph
from devkit.clock import FakeClock
from devkit.replicate import ReplicateStandIn


@dataclass(frozen=True, slots=True)
class Service:
    """A running service and a client of it.  *clock* is the service's wall clock; advance it, never sleep."""

    url: str
    http: ClientSession
    graph: Graph
    clock: FakeClock
    folder: Path
    """What outlives the process: the images lie in `images`, the catalog beside it."""

    async def post(self, path: str, body: Mapping[str, Any], **more: Any) -> ClientResponse:
        return await self.http.post(path, json=body, **more)

    async def import_url(self, url: str, *, user: str = "ana", **more: Any) -> ClientResponse:
        return await self.post("/v1/images/import", {"user_id": user, "url": url, **more})

    async def generate(self, *, user: str = "ana", **more: Any) -> ClientResponse:
        body = {"user_id": user, "model": "acme/painter", "input": {"prompt": "a red square"}, **more}
        return await self.post("/v1/images/generate", body)

    async def settled(self, generation: str) -> dict[str, Any]:
        """Return the state of a generation once it has ended and none of its images is being captured."""
        async with asyncio.timeout(20):
            while True:
                state: dict[str, Any] = await (await self.http.get(f"/v1/generations/{generation}")).json()
                if state["completed_at"] and all(image["status"] != "capturing" for image in state["images"]):
                    return state
                await asyncio.sleep(0.02)

    def files(self, user: str = "ana") -> list[str]:
        """Return the names of a user's files."""
        folder = self.folder / "images" / user
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def environment(folder: Path, replicate: ReplicateStandIn | None = None, **changes: str) -> dict[str, str]:
    """Return the settings of a service beside a stand-in; an empty value unsets one."""
    found = {
        "IMAGE_STORAGE_PATH": str(folder / "images"),
        "PORT": "0",
        "ALLOW_PRIVATE_SOURCES": "true",
        "SOURCE_HOST_ALLOWLIST": "127.0.0.1",
        "CAPTURE_READ_WAIT": "0.2",
    }
    if replicate is not None:
        found |= {"REPLICATE_BASE_URL": replicate.base_url, "REPLICATE_API_TOKEN": replicate.token}
    return found | changes


@asynccontextmanager
async def serving(
    folder: Path, replicate: ReplicateStandIn | None = None, *, clock: FakeClock | None = None, **changes: str
) -> AsyncIterator[Service]:
    """Run the service over *folder* for the length of the block; *changes* are further settings."""
    clock = clock or (replicate.clock if replicate else FakeClock(ticking=True))
    settings = Settings.from_env(environment(folder, replicate, **changes), dotenv=None)
    async with wired(settings, World(clock=clock)) as holdfast, running(holdfast):
        runner = await listen(settings, holdfast)
        try:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            async with ClientSession(url) as http:
                yield Service(url, http, holdfast.graph, clock, folder)
        finally:
            await runner.cleanup()

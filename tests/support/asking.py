"""What an app asks of a service process in tests of storage faults."""

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse

from tests.support.pictures import png
from tests.support.processes import ServiceProcess
from tests.support.sources import data_uri


def picture_of(name: str) -> bytes:
    return png(8, 8, seed=int.from_bytes(name.encode()) % 2**31)


async def keep(service: ServiceProcess, name: str, *, wait: float = 15, **more: str) -> ClientResponse:
    """Import the picture that belongs to *name*; its connection is free again afterwards."""
    body = {"user_id": "ana", "url": data_uri(picture_of(name)), "image_id": name, "wait": wait} | more
    answer = await service.http.post("/v1/images/import", json=body)
    await answer.read()
    return answer


async def look(service: ServiceProcess, name: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    answer = await service.http.request(method, f"/v1/images/hosted/ana/{name}.png", headers=headers)
    return answer.status, await answer.read()


async def ask(service: ServiceProcess, path: str, method: str = "GET") -> int:
    """Return the status of an answer, read to its end."""
    async with service.http.request(method, path) as answer:
        await answer.read()
        return answer.status


async def status_of(service: ServiceProcess, name: str) -> str:
    document = await (await service.http.get(f"/v1/images/hosted/ana/{name}/info")).json()
    return str(document.get("status"))


async def readiness(service: ServiceProcess) -> tuple[int, dict[str, Any]]:
    answer = await service.http.get("/readyz")
    return answer.status, (await answer.json())["checks"]


async def ended(service: ServiceProcess) -> int:
    """Return the exit code of a service that ends by itself."""
    async with asyncio.timeout(20):
        return await service.process.wait()


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]

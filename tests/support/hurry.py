"""Waiting for the service without waiting for its clockwork: its clock is moved on, and its rounds are made at once."""

import asyncio
from typing import Any

from tests.support.service import Service


async def image_settled(service: Service, image: str, *, user: str = "ana") -> dict[str, Any]:
    """Return an image's document once its capture has ended."""
    while True:
        info: dict[str, Any] = await (await service.http.get(f"/v1/images/hosted/{user}/{image}/info")).json()
        if info["status"] != "capturing":
            return info
        await _move_on(service)


async def generation_settled(service: Service, generation: str) -> dict[str, Any]:
    """Return the state of a generation once it has ended and none of its images is being captured."""
    while True:
        state: dict[str, Any] = await (await service.http.get(f"/v1/generations/{generation}")).json()
        if state["completed_at"] and all(image["status"] != "capturing" for image in state["images"]):
            return state
        await _move_on(service)


async def _move_on(service: Service) -> None:
    service.clock.advance(0.5)
    await service.graph.jobs.poll_due()
    service.graph.runner.kick()
    await asyncio.sleep(0.02)

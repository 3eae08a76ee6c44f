"""The process is killed (-9) at some moment, and started again: what could be fetched is there, exactly once."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError

from devkit.replicate import ApiFault, Behaviour, DeliveryFault, ReplicateStandIn
from tests.support.delivered import put
from tests.support.processes import ServiceProcess, service_process
from tests.support.service import environment

MODEL = "acme/painter"
BODY = {"user_id": "ana", "model": MODEL, "input": {"prompt": "a red square"}}


async def images_of(service: ServiceProcess, count: int) -> list[dict[str, Any]]:
    """Return the *count* images there are to be, once none is being captured."""
    async with asyncio.timeout(20):
        while True:
            page = await (await service.http.get("/v1/users/ana/images?limit=200")).json()
            images: list[dict[str, Any]] = page["images"]
            if len(images) == count and all(image["status"] != "capturing" for image in images):
                return images
            await asyncio.sleep(0.02)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "images" / "ana").iterdir())


def staged(folder: Path) -> list[Path]:
    return list((folder / "images" / ".staging").iterdir())


async def generate(service: ServiceProcess) -> None:
    """Ask for an image, and be cut off."""
    with suppress(ClientError):
        await service.http.post("/v1/images/generate", json=BODY)


async def delivering(replicate: ReplicateStandIn) -> None:
    async with asyncio.timeout(10):
        while not replicate.journal.select(host="delivery"):  # noqa: ASYNC110 (a journal wakes nobody)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("moment", ["before the answer", "while it runs", "during the download"])
async def test_a_generation_survives_a_kill(tmp_path: Path, replicate: ReplicateStandIn, moment: str) -> None:
    settings = environment(tmp_path, replicate)
    if moment == "before the answer":
        replicate.api_faults.add(ApiFault(on="create", hang=True, accepted=True))
    if moment == "while it runs":
        replicate.behaviours[MODEL] = Behaviour(processing=0.5)
    replicate.delivery_faults.add(DeliveryFault(drip=0.5))
    async with service_process(settings, tmp_path / "first.log") as service:
        asking = asyncio.create_task(generate(service))
        await (delivering(replicate) if moment == "during the download" else replicate.arrived())
        await service.kill()
        await asking
    replicate.delivery_faults.clear()
    async with service_process(settings, tmp_path / "second.log") as service:
        (image,) = await images_of(service, 1)
        served = await (await service.http.get(image["url"])).read()

    assert image["status"] == "stored"
    assert served == replicate.predictions[0].contents[0]
    assert files(tmp_path) == [f"{image['id']}.png"]
    assert staged(tmp_path) == []
    assert len(replicate.predictions) == 1


async def test_many_imports_survive_kills_at_any_moment(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    settings = environment(tmp_path, replicate)
    wanted = [{"user_id": "ana", "url": put(replicate, f"/{number}/out.png"), "wait": 0} for number in range(40)]
    for life in range(3):
        async with service_process(settings, tmp_path / f"{life}.log") as service:
            for body in wanted[life * 10 : life * 10 + 10]:
                assert (await service.http.post("/v1/images/import", json=body)).status == 202
            await asyncio.sleep(0.03 * life)
            await service.kill()
    async with service_process(settings, tmp_path / "last.log") as service:
        for body in wanted[30:]:
            await service.http.post("/v1/images/import", json=body)
        images = await images_of(service, 40)

    assert {image["status"] for image in images} == {"stored"}
    assert files(tmp_path) == sorted(f"{image['id']}.png" for image in images)
    assert staged(tmp_path) == []


async def test_a_source_that_died_while_we_were_dead_is_said_to_be_lost(
    tmp_path: Path, replicate: ReplicateStandIn
) -> None:
    settings = environment(tmp_path, replicate)
    replicate.delivery_faults.add(DeliveryFault(drip=0.5))
    async with service_process(settings, tmp_path / "first.log") as service:
        asking = asyncio.create_task(generate(service))
        await delivering(replicate)
        await service.kill()
        await asking
    replicate.delivery_faults.add(DeliveryFault(status=404), times=100)
    async with service_process(settings, tmp_path / "second.log") as service:
        (image,) = await images_of(service, 1)

    assert (image["status"], image["reason"]) == ("lost", "source_gone")
    assert '"level": "error", "message": "image lost"' in (tmp_path / "second.log").read_text()

"""Killed (-9) with pictures hosted and their provider not called yet: nothing was started, so nothing is left of it."""

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError

from devkit.fal import FalStandIn
from devkit.replicate import ReplicateStandIn
from tests.support import pictures
from tests.support.beside_fal import MODEL as FAL_MODEL
from tests.support.ports import free_port
from tests.support.processes import ServiceProcess, service_process
from tests.support.service import environment
from tests.support.sources import data_uri

LARGE = data_uri(pictures.noise_png(400 * 1024))
HEADERS = {"Idempotency-Key": "k-1", "Content-Type": "application/json"}


def slow(number: int) -> str:
    """Return a picture of 12 million pixels, which takes its time to look into."""
    rows = b"".join(b"\0" + os.urandom(100) + bytes(11_900) for _ in range(3000))
    text = pictures.png_chunk(b"tEXt", b"n\0%d" % number)
    return data_uri(pictures.raw_png(4000, 3000, raw=rows, before=[text], level=1))


INPUT = {"image": LARGE, "others": [slow(number) for number in range(2)]}


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (what happens in another process wakes nobody)
            await asyncio.sleep(0.005)


def hosted(folder: Path) -> list[str]:
    """Return the temporary images there are."""
    return [found.name for found in (folder / "temporary").glob("*") if len(found.name) == 36]


def generations(folder: Path) -> list[tuple[Any, ...]]:
    (file,) = folder.glob("*.db")
    with closing(sqlite3.connect(file)) as catalog:
        return catalog.execute("SELECT status, error_code FROM generations ORDER BY id").fetchall()


def reachable(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    port = str(free_port())
    return environment(folder) | {"PORT": port, "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}", **settings}


async def ask(service: ServiceProcess, body: Mapping[str, Any]) -> int:
    """Ask for a picture, and return the status; 0 when cut off."""
    content = BytesIO(json.dumps({"user_id": "ana", **body}).encode())
    with suppress(ClientError):
        return (await service.http.post("/v1/images/generate", data=content, headers=HEADERS)).status
    return 0


async def killed(settings: Mapping[str, str], folder: Path, body: Mapping[str, Any]) -> None:
    """Run the service until it has hosted the first picture of a request, and kill it."""
    async with service_process(settings, folder / "first.log") as service:
        asking = asyncio.create_task(ask(service, body))
        await until(lambda: hosted(folder))
        await service.kill()
        assert await asking == 0
    assert generations(folder) == [("starting", None)]


@pytest.mark.parametrize("provider", ["replicate", "fal"])
async def test_nothing_is_left_of_it_once_it_runs_again(
    tmp_path: Path, replicate: ReplicateStandIn, fal: FalStandIn, provider: str
) -> None:
    known = {"REPLICATE_BASE_URL": replicate.base_url, "REPLICATE_API_TOKEN": replicate.token} | dict(fal.settings)
    settings = reachable(tmp_path, known)
    body = {"provider": provider, "model": FAL_MODEL if provider == "fal" else "acme/painter", "input": INPUT}
    await killed(settings, tmp_path, body)
    assert (len(hosted(tmp_path)) > 0, fal.requests, replicate.predictions) == (True, [], [])

    async with service_process(settings, tmp_path / "second.log") as service:
        await until(lambda: generations(tmp_path) == [("failed", "not_started")])
        await until(lambda: not hosted(tmp_path))
        assert await ask(service, body) == 200

    assert [status for status, _ in generations(tmp_path)] == ["failed", "succeeded"]
    assert len(fal.requests) + len(replicate.predictions) == 1

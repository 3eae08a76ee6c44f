"""Stopping on SIGTERM: within the grace, with exit code 0, and nothing that was promised forgotten."""

import asyncio
import base64
import json
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devkit.replicate import ApiFault, Behaviour, DeliveryFault, ReplicateStandIn
from tests.support.command import environment_of
from tests.support.pictures import png
from tests.support.processes import ServiceProcess, service_process
from tests.support.waiting import until

GRACE = 4.0
BODY = {"user_id": "ana", "model": "acme/painter", "input": {}}


@asynccontextmanager
async def server(folder: Path, replicate: ReplicateStandIn, **changes: str) -> AsyncIterator[ServiceProcess]:
    settings = {
        "PORT": "0",
        "SHUTDOWN_GRACE_SECONDS": str(GRACE),
        "SOURCE_HOST_ALLOWLIST": "127.0.0.1",
        "REPLICATE_BASE_URL": replicate.base_url,
        "REPLICATE_API_TOKEN": replicate.token,
    }
    async with service_process(environment_of(folder, settings | changes), folder / "log") as process:
        yield process


async def stopped(process: asyncio.subprocess.Process) -> float:
    """Send SIGTERM; return the seconds until the process was gone."""
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(3 * GRACE):
        await process.wait()
    return time.monotonic() - begun


def errors(folder: Path) -> list[dict[str, Any]]:
    said = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    return [line for line in said if line["level"] == "error" or "exception" in line]


def query(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "holdfast.db") as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_service_stops_at_once(tmp_path: Path, replicate: ReplicateStandIn, number: int) -> None:
    async with server(tmp_path, replicate) as running:
        # A connection that is kept open must not hold it up.
        assert (await running.http.get("/livez")).status == 200
        begun = time.monotonic()
        running.process.send_signal(number)
        assert await running.process.wait() == 0
    assert time.monotonic() - begun < GRACE
    assert errors(tmp_path) == []


@pytest.mark.parametrize(
    "fault", [None, ApiFault(on="create", hang=True)], ids=["the model runs", "the provider does not answer"]
)
async def test_a_long_generation_does_not_hold_it_up(
    tmp_path: Path, replicate: ReplicateStandIn, fault: ApiFault | None
) -> None:
    replicate.behaviours["acme/painter"] = Behaviour(processing=600)
    if fault is not None:
        replicate.api_faults.add(fault)
    async with server(tmp_path, replicate) as running:
        asking = asyncio.create_task(running.http.post("/v1/images/generate", json=BODY))
        await until(lambda: bool(replicate.journal.select(method="POST")))
        assert await stopped(running.process) < GRACE + 1
        assert running.process.returncode == 0
        await asyncio.gather(asking, return_exceptions=True)
    assert errors(tmp_path) == []
    assert query(tmp_path, "select count(*) from generations where status in ('starting', 'processing')") == [(1,)]


async def test_a_slow_download_does_not_hold_it_up_and_goes_on_at_the_next_start(
    tmp_path: Path, replicate: ReplicateStandIn
) -> None:
    replicate.delivery_faults.add(DeliveryFault(drip=0.2))
    settings = {"SOURCE_MIN_RATE_KB": "0"}
    async with server(tmp_path, replicate, **settings) as running:
        asking = asyncio.create_task(running.http.post("/v1/images/generate", json=BODY))
        await until(lambda: bool(replicate.journal.select(host="delivery")))
        assert await stopped(running.process) < GRACE + 1
        assert running.process.returncode == 0
        await asyncio.gather(asking, return_exceptions=True)
    assert errors(tmp_path) == []
    ((image,),) = query(tmp_path, "select id from images where status = 'capturing'")
    async with server(tmp_path, replicate, **settings) as running:

        async def is_served() -> bool:
            return (await running.http.get(f"/v1/images/hosted/ana/{image}", allow_redirects=False)).status == 200

        await until(is_served)


async def test_a_request_under_way_is_answered(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.behaviours["acme/painter"] = Behaviour(processing=600)
    async with server(tmp_path, replicate) as running:
        promise = await (await running.http.post("/v1/images/generate", json=BODY | {"wait": 0})).json()
        asking = asyncio.create_task(running.http.post("/v1/images/generate", json=BODY | {"wait": 30}))
        await until(lambda: len(replicate.journal.select(method="POST")) == 2)
        await stopped(running.process)
        answer = await asking
        assert answer.status == 202
        assert (await answer.json())["generation_id"] != promise["generation_id"]


async def test_the_last_reads_are_written(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    data = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    async with server(tmp_path, replicate) as running:
        made = await running.http.post("/v1/images/import", json={"user_id": "ana", "url": data})
        assert (await running.http.get((await made.json())["url"])).status == 200
        assert query(tmp_path, "select accessed_at from images") == [(None,)]
        await stopped(running.process)
    assert query(tmp_path, "select count(*) from images where accessed_at is not null") == [(1,)]


async def test_new_connections_are_refused_while_it_stops(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.behaviours["acme/painter"] = Behaviour(processing=600)
    replicate.api_faults.add(ApiFault(on="create", hang=True))
    async with server(tmp_path, replicate) as running:
        asking = asyncio.create_task(running.http.post("/v1/images/generate", json=BODY))
        await until(lambda: bool(replicate.journal.select(method="POST")))
        running.process.send_signal(signal.SIGTERM)
        await until(lambda: b'"stopping"' in (tmp_path / "log").read_bytes())
        await asyncio.sleep(0.05)
        with pytest.raises(OSError, match="connect"):
            await running.http.get("/livez")
        await asyncio.gather(asking, return_exceptions=True)
        assert await running.process.wait() == 0

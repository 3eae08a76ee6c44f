"""Processes that die, are stopped, or cannot start: nothing is lost, and nobody is left behind."""

import asyncio
import os
import signal
import socket
import sqlite3
import time
from pathlib import Path

from yarl import URL

from devkit.replicate import ApiFault, Behaviour, DeliveryFault, ReplicateStandIn
from tests.support.command import run
from tests.support.delivered import put
from tests.support.fleet import Fleet, ended, fleet, is_alive, metrics
from tests.support.waiting import until

SLOW = {"SOURCE_MIN_RATE_KB": "0"}


def holders(folder: Path) -> set[str]:
    """Return the names under which captures are held."""
    with sqlite3.connect(folder / "holdfast.db") as connection:
        return {name for (name,) in connection.execute("select lease_owner from captures where state = 'open'") if name}


async def served(running: Fleet, url: str) -> None:
    async def is_served() -> bool:
        return (await running.service.http.get(url, allow_redirects=False)).status == 200

    await until(is_served, seconds=15)  # half a lease: nobody waited for it to run out


async def held_by(folder: Path, replicate: ReplicateStandIn, running: Fleet, number: int) -> str:
    """Import slow sources until process *number* holds one; return the URL of an image that is held."""
    replicate.delivery_faults.add(DeliveryFault(drip=0.2))
    client = await running.client(number)
    body = {"user_id": "ana", "url": put(replicate, "/slow/out.png"), "wait": 0}
    promise = await (await client.post("/v1/images/import", json=body)).json()
    await until(lambda: running.owner(number) in holders(folder))
    return str(promise["url"])


async def test_what_a_dead_process_held_is_stored_within_seconds_and_another_takes_its_seat(
    tmp_path: Path, replicate: ReplicateStandIn
) -> None:
    async with fleet(tmp_path, replicate, settings=SLOW) as running:
        url = await held_by(tmp_path, replicate, running, 2)
        pid = await running.kill(2)
        replicate.delivery_faults.clear()
        await served(running, url)
        again = await running.client(2)

        assert (await again.get("/readyz")).status == 200
        # It is one of two again, and what the dead one counted stays counted.
        assert (await metrics(again))["holdfast_processes"] == 2
        assert (await metrics(again))[
            'holdfast_requests_total{method="POST",route="/v1/images/import",status="2xx"}'
        ] == 1
        assert running.pids()[2] != pid
        assert [line["captures"] for line in running.said("captures taken over")] == [0, 1]
        running.service.process.terminate()
        assert await ended(running.service.process) == 0


async def test_connections_to_a_dead_process_wait_for_the_next(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    async with fleet(tmp_path, replicate) as running:
        await running.kill(2)
        # Each dials anew; about half of them would find nobody.
        dials = [asyncio.create_task(dial(running)) for _ in range(20)]

        assert {await task for task in dials} == {b"HTTP/1.1 200 OK\r\n"}


async def dial(running: Fleet) -> bytes:
    base = running.service.http._base_url
    assert base is not None
    reader, writer = await asyncio.open_connection(base.host, base.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    try:
        return await reader.readline()
    finally:
        writer.close()


async def test_without_its_keeper_everything_stops_and_the_next_start_goes_on(
    tmp_path: Path, replicate: ReplicateStandIn
) -> None:
    async with fleet(tmp_path, replicate, settings=SLOW) as running:
        url = await held_by(tmp_path, replicate, running, 2)
        pids = running.pids()
        await running.kill(1)

        assert await ended(running.service.process) == 1
        assert not any(is_alive(pid) for pid in pids.values())
        assert running.said("the keeper has ended; stopping all")
    replicate.delivery_faults.clear()
    async with fleet(tmp_path, replicate, log="second") as running:
        await served(running, URL(url).path)


async def test_no_process_outlives_its_supervisor(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    async with fleet(tmp_path, replicate) as running:
        pids = running.pids()
        running.service.process.kill()
        await ended(running.service.process)
        await until(lambda: not any(is_alive(pid) for pid in pids.values()), seconds=5)


async def test_a_stop_drains_and_leaves_nobody_and_nothing(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.behaviours["acme/painter"] = Behaviour(processing=600)
    replicate.api_faults.add(ApiFault(on="create", hang=True), times=2)
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    async with fleet(tmp_path, replicate, settings={"TMPDIR": str(meeting)}) as running:
        body = {"user_id": "ana", "model": "acme/painter", "input": {}, "wait": 30}
        clients = [await running.client(number) for number in (1, 2)]
        asking = [asyncio.create_task(http.post("/v1/images/generate", json=body)) for http in clients]
        await until(lambda: len(replicate.journal.select(method="POST")) == 2)
        pids, begun = running.pids(), time.monotonic()
        running.service.process.send_signal(signal.SIGTERM)

        assert [(await task).status for task in asking] == [202, 202]
        assert await ended(running.service.process) == 0
        assert time.monotonic() - begun < 6
        assert not any(is_alive(pid) for pid in pids.values())
        assert list(meeting.iterdir()) == []
        assert [line["worker"] for line in running.said("stopped")][-1] == 0


async def test_a_signal_from_the_terminal_reaches_all_and_is_a_clean_stop(
    tmp_path: Path, replicate: ReplicateStandIn
) -> None:
    async with fleet(tmp_path, replicate) as running:
        for pid in (running.service.process.pid, *running.pids().values()):
            os.kill(pid, signal.SIGINT)

        assert await ended(running.service.process) == 0
        assert [line for line in running.lines if line["level"] == "error"] == []


async def test_a_taken_port_is_a_message_and_no_trace(tmp_path: Path) -> None:
    with socket.socket() as taken:
        # One that would share it is somebody else's as well.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = await asyncio.to_thread(run, tmp_path, "serve", "--workers", "2", PORT=str(taken.getsockname()[1]))

    assert done.code == 1
    assert "cannot listen there (Address already in use)" in done.out.splitlines()[-1]
    assert "exception" not in done.out


async def test_a_volume_in_use_is_refused_as_by_one_process(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("a file where the folder should be")
    done = await asyncio.to_thread(run, tmp_path, "serve", "--workers", "2", PORT="0")

    assert done.code == 1
    assert "storage_unavailable" in done.out
    assert "exception" not in done.out

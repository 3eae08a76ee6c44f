"""The process runs out of descriptors, at any moment: it refuses, loses nothing, and recovers."""

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devkit.replicate import ReplicateStandIn
from tests.support.asking import ask, keep, lines, look, picture_of, readiness, status_of
from tests.support.delivered import put
from tests.support.problems import problem_of
from tests.support.processes import ServiceProcess, service_process
from tests.support.service import environment
from tests.support.waiting import until


@pytest.fixture
async def process(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[ServiceProcess]:
    async with service_process(environment(tmp_path, replicate), tmp_path / "log") as service:
        assert (await readiness(service))[0] == 200  # over a connection that stays open
        yield service


@contextmanager
def descriptors_left(service: ServiceProcess, count: int) -> Iterator[None]:
    """Let the process open *count* more files than it has open now, and no more, for the length of the block."""
    pid = service.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    free = [number for number in range(max(used) + count + 2) if number not in used]
    # The limit is on the number: all below the one that is not to be given out.
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[count], limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def seconds_of_work(service: ServiceProcess) -> float:
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_without_a_descriptor_it_refuses_and_stays_alive(process: ServiceProcess) -> None:
    await keep(process, "before")
    with descriptors_left(process, 0):
        refused = await process.http.get("/v1/images/hosted/ana/before.png")
        await problem_of(refused, status=503, code="overloaded")
        assert refused.headers["Retry-After"]
        assert await ask(process, "/livez") == 200
    assert await look(process, "before") == (200, picture_of("before"))
    assert (await keep(process, "after")).status == 201


async def test_wherever_descriptors_run_out_an_image_is_stored_in_the_end(
    process: ServiceProcess, replicate: ReplicateStandIn
) -> None:
    names = []
    for count in range(8):
        source = put(replicate, f"/{count}/out.png")
        with descriptors_left(process, count):
            for name, more in ((f"uri{count}", {}), (f"url{count}", {"url": source})):
                answer = await keep(process, name, wait=0.1, **more)
                assert answer.status in {201, 202, 503}, await answer.text()
                names += [name] if answer.status < 500 else []
    assert len(names) > 8
    for name in names:
        await until(lambda name=name: _is_settled(process, name), seconds=30)
        assert (name, await status_of(process, name)) == (name, "stored")


async def _is_settled(service: ServiceProcess, name: str) -> bool:
    return await status_of(service, name) != "capturing"


async def test_many_readers_at_once_are_refused_by_a_catalog_that_can_open_no_more(process: ServiceProcess) -> None:
    await keep(process, "before")
    async with asyncio.timeout(20):
        await asyncio.gather(*(ask(process, "/livez") for _ in range(8)))  # their connections are open now
        with descriptors_left(process, 0):
            asked = [ask(process, "/v1/users/ana/images") for _ in range(8)]
            statuses = set(await asyncio.gather(*asked))
    assert statuses <= {200, 503}
    assert await ask(process, "/v1/users/ana/images") == 200


async def test_connections_nobody_can_accept_wait_and_cost_nothing(process: ServiceProcess, tmp_path: Path) -> None:
    url = process.http._base_url
    assert url is not None
    with descriptors_left(process, 0):
        before = seconds_of_work(process)
        waiting = [await asyncio.open_connection(url.host, url.port) for _ in range(30)]
        for _, writer in waiting:
            writer.write(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        await until(lambda: "out of system resource" in (tmp_path / "log").read_text())
        await asyncio.sleep(1.5)  # asyncio tries again each second: so long we have to look
        spent = seconds_of_work(process) - before
    for reader, writer in waiting:
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
    assert spent < 0.5
    assert len([line for line in lines(tmp_path / "log") if line["level"] == "error"]) < 10

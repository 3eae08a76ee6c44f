"""How many connections there may be in all, and what whoever comes beyond that is told."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.cli.descriptors import room_for
from app.web.overflow import MOST_AT_ONCE
from tests.support.problems import assert_problem
from tests.support.raw import Line, connected, request
from tests.support.service import Service
from tests.support.still import still

LIVEZ = request("GET", "/livez")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, MAX_CONNECTIONS="3", MAX_CONNECTIONS_PER_ADDRESS="0") as running:
        yield running


async def lines(stack: AsyncExitStack, service: Service, count: int) -> list[Line]:
    return [await stack.enter_async_context(connected(service)) for _ in range(count)]


async def filled(stack: AsyncExitStack, service: Service) -> list[Line]:
    """Take every place, and see that each is one."""
    taken = await lines(stack, service, 3)
    for line in taken:
        await line.say(LIVEZ)
        assert (await line.hear()).status == 200
    return taken


async def test_beyond_the_bound_a_request_is_503_and_the_end_of_its_connection(service: Service) -> None:
    async with AsyncExitStack() as stack:
        await filled(stack, service)
        (beyond,) = await lines(stack, service, 1)
        await beyond.say(LIVEZ)
        reply = await beyond.hear()
        assert_problem(503, reply.headers, reply.json(), code="overloaded")
        assert int(reply.headers["Retry-After"]) >= 1
        assert reply.headers["Connection"] == "close"
        assert reply.headers["Cache-Control"] == "no-store"
        assert await beyond.is_closed()


async def test_those_within_the_bound_notice_nothing(service: Service) -> None:
    async with AsyncExitStack() as stack:
        taken = await filled(stack, service)
        await lines(stack, service, 10)
        for line in taken:
            await line.say(LIVEZ)
            assert (await line.hear()).status == 200


async def test_whoever_leaves_makes_room(service: Service) -> None:
    for _ in range(3):
        async with AsyncExitStack() as stack:
            await filled(stack, service)
        await asyncio.sleep(0.01)


async def test_beyond_the_bound_silence_is_not_waited_out(service: Service) -> None:
    async with AsyncExitStack() as stack:
        await filled(stack, service)
        (beyond,) = await lines(stack, service, 1)
        assert await asyncio.wait_for(beyond.is_closed(), 3)


async def test_a_crowd_is_cut_off_without_a_word(service: Service) -> None:
    async with AsyncExitStack() as stack:
        await filled(stack, service)
        beyond = await lines(stack, service, MOST_AT_ONCE + 5)
        assert all([await line.is_closed() for line in beyond[-5:]])
        await beyond[0].say(LIVEZ)
        assert (await beyond[0].hear()).status == 503


async def test_a_service_that_is_full_stops_as_quickly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncExitStack() as stack:
        async with still(tmp_path, MAX_CONNECTIONS="3") as service:
            await filled(stack, service)
            await lines(stack, service, 5)
            started = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started < 5
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []


def test_what_fits_into_the_limit_of_open_files_is_let_in() -> None:
    assert room_for(1) == 1
    assert room_for(200) == 200


TRY = """
import resource, sys
from app.cli.descriptors import room_for
resource.setrlimit(resource.RLIMIT_NOFILE, (64, int(sys.argv[1])))
for connections in sys.argv[2:]:
    print(room_for(int(connections)), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def tried(*numbers: int) -> list[str]:
    """Return what fits, and the limits afterwards, in a process of its own: a hard limit is never raised again."""
    command = [sys.executable, "-c", TRY, *map(str, numbers)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_the_soft_limit_of_open_files_is_raised_as_far_as_it_takes() -> None:
    assert tried(1000, 100, 5000) == ["100 456 1000", "372 1000 1000"]


def test_where_nothing_fits_one_is_let_in_all_the_same() -> None:
    assert tried(64, 100) == ["1 64 64"]

"""What the lane answers counts as it would the long way: for the rate, the metrics, the times of access."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.domain.ids import ImageId, UserId
from devkit.clock import FakeClock
from tests.support.pictures import noise_png
from tests.support.raw import Line, Reply, request
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.still import host, still
from tests.web.hot.both_ways import URL, Watch, alone, ask, heat

HOT = request("GET", URL)


@asynccontextmanager
async def connected_from(service: Service, address: str) -> AsyncIterator[Line]:
    port = int(service.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    try:
        async with asyncio.timeout(10):
            yield Line(reader, writer)
    finally:
        writer.transport.abort()


async def times(line: Line, count: int, *fields: str) -> list[int]:
    return [(await ask(line, request("GET", URL, *fields))).status for _ in range(count)]


async def counted(service: Service, *labels: str, name: str = "holdfast_requests_total") -> float:
    text = await (await service.http.get("/metrics")).text()
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in labels))


async def test_both_ways_count_against_one_rate(tmp_path: Path, watch: Watch) -> None:
    async with still(tmp_path, clock=FakeClock(), RATE_LIMIT_READS="5/minute") as service:
        await host(service)
        watch.taken.clear()
        async with connected_from(service, "127.0.0.1") as line:
            assert await times(line, 7) == [200] * 5 + [429] * 2
        assert watch.taken == [False, True, True, True, True, False, False]


async def test_one_too_many_is_counted_once(tmp_path: Path) -> None:
    """A refusal costs nothing: as much as fits into the next window is answered."""
    clock = FakeClock()
    async with still(tmp_path, clock=clock, RATE_LIMIT_READS="5/minute") as service:
        await host(service)
        async with connected_from(service, "127.0.0.1") as line:
            await times(line, 20)
            clock.advance(90)
            # Half of the window before counts still: its five, were it not for the refused.
            assert await times(line, 4) == [200] * 3 + [429]


@pytest.mark.parametrize(
    "field",
    ["X-Real-IP: 192.0.2.1", "x-real-ip:192.0.2.1", "X-Real-IP: 203.0.113.9, 192.0.2.1 ", "X-Real-IP: ::ffff:c000:201"],
)
async def test_the_address_in_the_named_header_counts(tmp_path: Path, watch: Watch, field: str) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="4/minute", CLIENT_ADDRESS_HEADER="X-Real-IP") as service:
        await host(service)
        async with connected_from(service, "127.0.0.1") as line:
            assert await times(line, 4, field) == [200] * 4
            assert watch.last()
            assert await times(line, 1, "X-Real-IP: 192.0.2.1") == [429]
            assert await times(line, 1, "X-Real-IP: 192.0.2.2") == [200]


async def test_an_address_that_came_twice_is_the_long_ways(tmp_path: Path, watch: Watch) -> None:
    async with still(tmp_path, CLIENT_ADDRESS_HEADER="X-Real-IP") as service:
        await host(service)
        await heat(service)
        watch.taken.clear()
        async with connected_from(service, "127.0.0.1") as line:
            assert await times(line, 2, "X-Real-IP: 192.0.2.1", "X-Real-IP: 192.0.2.2") == [200] * 2
        assert not any(watch.taken)


@pytest.mark.parametrize("value", ["unknown", "", "192.0.2.1:80", "192.0.2.1,"])
async def test_what_is_no_address_counts_for_the_other_end(tmp_path: Path, value: str) -> None:
    field = f"X-Real-IP: {value}"
    async with still(tmp_path, RATE_LIMIT_READS="3/minute", CLIENT_ADDRESS_HEADER="X-Real-IP") as service:
        await host(service)
        async with connected_from(service, "127.0.0.1") as one, connected_from(service, "127.0.0.2") as other:
            assert await times(one, 2, field) == [200] * 2
            assert await times(other, 3, field) == [200] * 3
            assert await times(one, 2, field) == [200, 429]
            assert await times(other, 1, field) == [429]


async def test_without_a_named_header_none_is_believed(tmp_path: Path) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="3/minute") as service:
        await host(service)
        async with connected_from(service, "127.0.0.1") as line:
            found = [(await times(line, 1, f"X-Real-IP: 192.0.2.{number}"))[0] for number in range(4)]
    assert found == [200] * 3 + [429]


async def test_answers_are_counted_by_method_route_and_status(tmp_path: Path, watch: Watch) -> None:
    route = 'route="/v1/images/hosted/{user}/{image}"'
    async with still(tmp_path, RATE_LIMIT_READS="") as service:
        tag = f'"{(await host(service)).digest.sha256}"'  # type: ignore[union-attr]  # it is stored
        await heat(service)
        before = [await counted(service, route, f'method="{method}"') for method in ("GET", "HEAD")]
        watch.taken.clear()
        for data in (HOT, HOT, request("HEAD", URL), request("GET", URL, f"If-None-Match: {tag}")):
            await alone(service, data)
        assert watch.taken[::2] == [True] * 4
        after = [await counted(service, route, f'method="{method}"') for method in ("GET", "HEAD")]
        known = await counted(service, route, 'method="GET"', 'status="3xx"')
    assert [late - early for early, late in zip(before, after, strict=True)] == [3, 1]
    assert known == 1


async def test_a_read_is_noted(tmp_path: Path, watch: Watch) -> None:
    clock = FakeClock()
    async with still(tmp_path, clock=clock) as service:
        await host(service)
        await heat(service)
        await service.graph.access_times.flush()
        clock.advance(5)
        await alone(service, HOT)
        assert watch.taken[-2]
        await service.graph.access_times.flush()
        row = await service.graph.adapters.images.find(UserId("ana"), ImageId("pic"))
        assert row is not None
        assert row.accessed_at == clock()


@pytest.mark.parametrize(("base", "said"), [("https://a.example", True), ("http://a.example", False)])
async def test_browsers_are_told_to_come_by_https_where_we_are_there(tmp_path: Path, base: str, said: bool) -> None:  # noqa: FBT001
    async with still(tmp_path, PUBLIC_BASE_URL=base) as service:
        await host(service)
        replies: list[Reply] = [await alone(service, HOT) for _ in range(2)]
    assert [("Strict-Transport-Security" in reply.headers) for reply in replies] == [said] * 2


async def test_a_client_that_left_in_the_middle_is_counted_as_gone(tmp_path: Path) -> None:
    async with still(tmp_path, RATE_LIMIT_READS="") as service:
        await host(service, content=noise_png(12_000_000))
        async with connected_from(service, "127.0.0.1") as line:
            await ask(line, HOT)
            await line.say(HOT)
            await line.reader.readexactly(100)
        async with asyncio.timeout(5):
            while not await counted(service, 'status="gone"'):  # noqa: ASYNC110 (a counter wakes nobody)
                await asyncio.sleep(0.01)


async def test_a_variant_that_was_kept_is_counted_as_kept(tmp_path: Path, watch: Watch) -> None:
    async with serving(tmp_path, RATE_LIMIT_READS="") as service:
        await service.import_url(data_uri(noise_png(200_000)), image_id="pic")
        await heat(service, URL + "?w=160")
        before = await counted(service, 'outcome="kept"', name="holdfast_variants_total")
        watch.taken.clear()
        for data in (request("GET", URL + "?w=160"), HOT):
            await alone(service, data)
        assert watch.taken[0]
        assert await counted(service, 'outcome="kept"', name="holdfast_variants_total") == before + 1

"""Several processes over one volume keep every promise that one keeps."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from devkit.replicate import Behaviour, ReplicateStandIn, Sync
from tests.support.delivered import put
from tests.support.fleet import Fleet, fleet, metrics
from tests.support.pictures import png
from tests.support.sources import data_uri
from tests.support.waiting import until

MODEL = "acme/painter"


@pytest.fixture
async def running(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Fleet]:
    async with fleet(tmp_path, replicate) as deployment:
        yield deployment


async def test_each_answers_and_what_is_done_once_is_done_by_one(running: Fleet) -> None:
    for number in (1, 2):
        assert (await (await running.client(number)).get("/readyz")).status == 200

    assert [line["worker"] for line in running.said("captures taken over")] == [1]
    assert all("worker" in line for line in running.lines)
    assert [line["worker"] for line in running.lines if "port" in line] == [0]


async def test_what_one_stores_another_serves_and_what_one_deletes_is_gone_for_all(running: Fleet) -> None:
    first, second = await running.client(1), await running.client(2)
    for number in range(10):
        name = f"image{number}"
        body = {"user_id": "ana", "image_id": name, "url": data_uri(png())}
        # The same source is the same image, so each belongs to somebody else.
        assert (await second.post("/v1/images/import", json=body | {"user_id": f"user{number}"})).status == 201
        path = f"/v1/images/hosted/user{number}/{name}"
        assert (await first.get(path)).status == 200
        assert (await second.delete(path)).status == 204
        assert (await first.get(path)).status == 410


async def test_an_erased_owner_is_gone_for_all_at_once(running: Fleet, replicate: ReplicateStandIn) -> None:
    first, second = await running.client(1), await running.client(2)
    urls = []
    for number in range(5):
        body = {"user_id": "ana", "url": put(replicate, f"/{number}/out.png")}
        urls.append((await (await first.post("/v1/images/import", json=body)).json())["url"])
    assert {(await second.get(url)).status for url in urls} == {200}

    assert (await first.delete("/v1/users/ana")).status == 204
    assert {(await second.get(url)).status for url in urls} == {410}


async def test_a_webhook_at_one_wakes_who_waits_at_another(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    # The polls that are left come a quarter, then half a second apart, then more.
    replicate.behaviours[MODEL] = Behaviour(processing=1.3, sync=Sync.TIMED_OUT)
    heard: list[float] = []
    async with relay() as (url, send_to):
        known = {"PUBLIC_BASE_URL": url, "REPLICATE_WEBHOOK_SECRET": replicate.webhook_secret}
        async with fleet(tmp_path, replicate, settings=known) as running:
            first, second = await running.client(1), await running.client(2)

            async def pass_on(request: web.Request) -> web.Response:
                answer = await second.post(request.path_qs, data=await request.read(), headers=request.headers)
                heard.append(time.monotonic())
                return web.Response(status=answer.status)

            send_to(pass_on)
            late = []
            for _ in range(2):
                body = {"user_id": "ana", "model": MODEL, "input": {}, "wait": 30}
                answer = await first.post("/v1/images/generate", json=body)
                late.append(time.monotonic() - heard[-1])
                assert (answer.status, (await answer.json())["status"]) == (200, "stored")

    assert min(late) < 0.25


async def test_more_than_one_can_take_is_shared(running: Fleet, replicate: ReplicateStandIn) -> None:
    bodies = [{"user_id": "ana", "url": put(replicate, f"/{number}/out.png"), "wait": 20} for number in range(30)]
    answers = await asyncio.gather(*(running.service.http.post("/v1/images/import", json=body) for body in bodies))

    assert {answer.status for answer in answers} == {201}
    assert {line["worker"] for line in running.said("image stored")} == {1, 2}


async def test_each_shows_the_numbers_of_all(running: Fleet) -> None:
    first, second = await running.client(1), await running.client(2)
    for http, times in ((first, 3), (second, 4)):
        for _ in range(times):
            await http.get("/livez")
    route = 'holdfast_requests_total{method="GET",route="/livez",status="2xx"}'
    seen = [await metrics(http) for http in (first, second)]

    assert [numbers[route] for numbers in seen] == [7, 7]
    assert [numbers["holdfast_processes"] for numbers in seen] == [2, 2]
    assert [numbers["holdfast_ready"] for numbers in seen] == [1, 1]


async def test_rates_are_counted_together(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    async with fleet(tmp_path, replicate, settings={"RATE_LIMIT_READS": "20/hour"}) as running:
        first, second = await running.client(1), await running.client(2)
        for _ in range(20):
            await first.get("/v1/users/ana/images")

        async def is_refused() -> bool:
            return (await second.get("/v1/users/ana/images")).status == 429

        # What comes before the counts are told is admitted, but not much of it.
        await until(is_refused, seconds=0.5)


@asynccontextmanager
async def relay() -> AsyncIterator[tuple[str, Callable[[Callable[[web.Request], Awaitable[web.Response]]], None]]]:
    """Yield the address of a proxy, and what tells it how to pass on what it gets."""
    chosen: list[Callable[[web.Request], Awaitable[web.Response]]] = []

    async def handle(request: web.Request) -> web.Response:
        return await chosen[-1](request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", chosen.append
    finally:
        await runner.cleanup()

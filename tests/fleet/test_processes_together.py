"""What happens in one process is noticed in the others within moments."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from devkit.replicate import Behaviour, ReplicateStandIn, Sync
from tests.support.fleet import fleet
from tests.support.waiting import until

MODEL = "acme/painter"


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

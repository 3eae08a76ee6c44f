"""The same request twice at once, at two processes: the second waits for what another process has begun."""

import asyncio

from devkit.replicate import ApiFault, ReplicateStandIn
from tests.support.service import Service
from tests.support.waiting import until

BODY = {"user_id": "ana", "model": "acme/painter", "input": {}, "wait": 20}
KEY = {"Idempotency-Key": "once"}


async def test_who_waits_for_what_was_refused_elsewhere_may_ask_again(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.api_faults.add(ApiFault(on="create", hang=True))
    first = asyncio.create_task(service.post("/v1/images/generate", BODY, headers=KEY))
    await until(lambda: bool(replicate.journal.select(method="POST")))
    # What is left for another process to see: the row, and no call of its own.
    calls = service.graph.launcher._calls
    ((generation, call),) = calls.items()
    calls.clear()
    second = asyncio.create_task(service.post("/v1/images/generate", BODY, headers=KEY))
    await until(lambda: len(service.graph.signals._waiting[str(generation)]) == 2)
    calls[generation] = call
    await service.graph.adapters.generations.forget(generation)
    answer = await second
    first.cancel()

    assert (answer.status, (await answer.json())["code"]) == (503, "overloaded")
    assert answer.headers["Retry-After"] == "1"
    assert (await answer.json())["retryable"] is True

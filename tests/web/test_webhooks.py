"""POST /v1/webhooks/replicate: the provider's news finish a generation, in whatever order and number they come."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from devkit.replicate import ApiFault, Behaviour, Conduct, ReplicateStandIn, Shape, Sync
from tests.support.hurry import generation_settled
from tests.support.ports import free_port
from tests.support.service import Service, serving

MODEL = "acme/painter"


@pytest.fixture
async def service(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    """A service that hears of its jobs by webhook only: polling does not help it."""
    async with reachable(tmp_path, replicate) as running:
        replicate.api_faults.add(ApiFault(on="get", status=503), times=1000)
        yield running


def reachable(folder: Path, replicate: ReplicateStandIn, **changes: str) -> AbstractAsyncContextManager[Service]:
    """Return a service that the stand-in can call."""
    port = str(free_port())
    known = {"REPLICATE_WEBHOOK_SECRET": replicate.webhook_secret, "SHUTDOWN_GRACE_SECONDS": "0"}
    return serving(folder, replicate, PORT=port, PUBLIC_BASE_URL=f"http://127.0.0.1:{port}", **(known | changes))


async def test_a_webhook_finishes_a_promise(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.2)
    promise = await (await service.generate(wait=0)).json()
    state = await service.settled(promise["generation_id"])

    assert (state["status"], state["images"][0]["status"]) == ("succeeded", "stored")
    assert state["url"] == promise["url"]
    assert [delivery.status for delivery in replicate.webhooks] == [200]


async def test_a_webhook_wakes_whoever_waits(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.4, sync=Sync.TIMED_OUT)
    async with asyncio.timeout(4):
        answer = await service.generate(wait=30)

    assert (answer.status, (await answer.json())["status"]) == (200, "stored")


async def test_a_webhook_is_heard_while_the_call_still_hangs(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(ApiFault(on="create", hang=True, accepted=True))
    async with asyncio.timeout(4):
        answer = await service.generate(wait=30)

    assert (answer.status, (await answer.json())["status"]) == (200, "stored")


async def test_a_webhook_tells_of_a_failure(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.2, ending="failed", error="no luck", sync=Sync.TIMED_OUT)
    answer = await service.generate(wait=10)

    assert (answer.status, (await answer.json())["detail"]) == (502, "no luck")


async def test_the_provider_is_told_which_generation_to_call_for(service: Service, replicate: ReplicateStandIn) -> None:
    image = await (await service.generate(wait=5)).json()
    (call,) = replicate.journal.select(host="api", method="POST")
    body = json.loads(call.body)

    assert body["webhook"] == f"{service.url}/v1/webhooks/replicate?generation={image['generation_id']}"
    assert body["webhook_events_filter"] == ["completed"]


async def test_without_an_address_of_our_own_nobody_is_asked_to_call(
    tmp_path: Path, replicate: ReplicateStandIn
) -> None:
    async with serving(tmp_path, replicate) as service:
        await service.generate()

    (call,) = replicate.journal.select(host="api", method="POST")
    assert "webhook" not in json.loads(call.body)


async def test_a_service_on_the_web_is_called_by_https_only(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    async with serving(tmp_path, replicate, PUBLIC_BASE_URL="https://images.example") as service:
        image = await (await service.generate()).json()

    (call,) = replicate.journal.select(host="api", method="POST")
    assert json.loads(call.body)["webhook"].startswith("https://images.example/v1/webhooks/replicate?generation=gen_")
    assert image["url"].startswith("https://images.example/v1/images/hosted/ana/img_")


@pytest.mark.parametrize(
    "conduct",
    [Conduct(copies=3), Conduct(last_first=True), Conduct(bogus_first=True), Conduct(with_v2=True)],
    ids=["in triplicate", "in disorder", "with a wrong signature before the right one", "with a later scheme"],
)
async def test_an_image_is_stored_once_however_its_news_come(
    service: Service, replicate: ReplicateStandIn, conduct: Conduct
) -> None:
    replicate._webhooks.conduct = conduct
    replicate.behaviours[MODEL] = Behaviour(shape=Shape.GROWING, pictures=2, processing=0.2)
    promise = await (await service.generate(wait=0)).json()
    state = await service.settled(promise["generation_id"])
    await replicate.settled()

    assert [image["status"] for image in state["images"]] == ["stored", "stored"]
    assert {delivery.status for delivery in replicate.webhooks} == {200}
    assert len(service.files()) == 2


async def test_a_webhook_that_is_lost_is_made_up_for_by_polling(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate._webhooks.conduct = Conduct(lost=frozenset({"completed"}))
    replicate.behaviours[MODEL] = Behaviour(processing=0.2)
    async with reachable(tmp_path, replicate) as service:
        promise = await (await service.generate(wait=0)).json()
        state = await generation_settled(service, promise["generation_id"])

    assert state["images"][0]["status"] == "stored"
    assert replicate.webhooks == []


async def test_old_news_change_nothing(service: Service, replicate: ReplicateStandIn) -> None:
    image = await (await service.generate(wait=5)).json()
    await replicate.settled()
    (delivery,) = replicate.webhooks
    document = json.loads(delivery.body) | {"status": "processing", "output": None, "completed_at": None}
    job = service.graph.adapters.replicate.parse(document)
    await service.graph.jobs.hear(job, of=None)
    state = await (await service.http.get(f"/v1/generations/{image['generation_id']}")).json()

    assert state["status"] == "succeeded"


async def test_a_webhook_is_heard_where_nothing_is_hosted(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.3, sync=Sync.TIMED_OUT)
    async with reachable(tmp_path, replicate, IMAGE_HOSTING_ENABLED="false") as service:
        answer = await service.generate(wait=10)

    assert answer.status == 200
    assert (await answer.json())["url"] == replicate.predictions[0].files[0]

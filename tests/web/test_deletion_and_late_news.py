"""What was deleted or erased stays so, whatever a provider still says of the jobs it came from."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from app.domain.ids import UserId
from devkit.replicate import Behaviour, ReplicateStandIn, sign
from tests.support.ports import free_port
from tests.support.service import Service, serving


@pytest.fixture
async def service(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    port = free_port()
    settings = {"PORT": str(port), "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}", "SIGNING_KEYS": "a-signing-key"}
    async with serving(tmp_path, replicate, **settings) as running:
        yield running


async def start_elsewhere(service: Service, replicate: ReplicateStandIn, model: str = "painter") -> dict[str, Any]:
    """Create a prediction as an app would that calls Replicate itself, for Ben."""
    webhook = service.graph.callbacks.for_user("replicate", UserId("ben"))
    body = {"input": {"prompt": "mine"}, "webhook": webhook, "webhook_events_filter": ["completed"]}
    url = f"{replicate.base_url}/v1/models/acme/{model}/predictions"
    async with ClientSession() as app, app.post(url, json=body, headers=key_of(replicate)) as answer:
        return dict(await answer.json())


async def ended(replicate: ReplicateStandIn, prediction: str) -> dict[str, Any]:
    async with asyncio.timeout(10), ClientSession() as app:
        while True:
            async with app.get(
                f"{replicate.base_url}/v1/predictions/{prediction}", headers=key_of(replicate)
            ) as answer:
                document = dict(await answer.json())
            if document["status"] == "succeeded":
                return document
            await asyncio.sleep(0.02)


def key_of(replicate: ReplicateStandIn) -> dict[str, str]:
    return {"Authorization": f"Bearer {replicate.token}"}


async def images_of_ben(service: Service) -> list[dict[str, Any]]:
    page = await (await service.http.get("/v1/users/ben/images")).json()
    return list(page["images"])


async def until_stored(service: Service) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            found = await images_of_ben(service)
            if found and found[0]["status"] == "stored":
                return found[0]
            await asyncio.sleep(0.02)


async def tell_again(service: Service, replicate: ReplicateStandIn, *, is_replay: bool = False) -> None:
    """Deliver the last webhook once more: the same bytes, or the same news signed anew."""
    last = replicate.webhooks[-1]
    headers = dict(last.headers)
    if not is_replay:
        now = str(int(service.clock().timestamp()))
        signature = sign(replicate.webhook_secret, "msg_again", now, last.body)
        headers |= {"webhook-id": "msg_again", "webhook-timestamp": now, "webhook-signature": signature}
    assert (await service.http.post(last.url, data=last.body, headers=headers)).status == 200


async def erase_ben(service: Service) -> None:
    assert (await service.http.delete("/v1/users/ben")).status == 204


async def delete(service: Service, image: str) -> None:
    assert (await service.http.delete(f"/v1/images/hosted/ben/{image}")).status == 204


@pytest.mark.parametrize("is_replay", [True, False], ids=["the same bytes", "signed anew"])
async def test_an_old_webhook_brings_nothing_back_to_the_erased(
    service: Service, replicate: ReplicateStandIn, *, is_replay: bool
) -> None:
    await start_elsewhere(service, replicate)
    await until_stored(service)
    await replicate.settled()
    await erase_ben(service)

    await tell_again(service, replicate, is_replay=is_replay)

    assert await images_of_ben(service) == []


async def test_the_providers_list_brings_nothing_back_to_the_erased(
    service: Service, replicate: ReplicateStandIn
) -> None:
    await start_elsewhere(service, replicate)
    await until_stored(service)
    await erase_ben(service)

    await service.graph.comparison.compare()

    assert await images_of_ben(service) == []


async def test_a_prediction_that_ran_while_its_owner_was_erased_is_not_adopted(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.behaviours["acme/slow"] = Behaviour(processing=0.4)
    await start_elsewhere(service, replicate, "slow")
    await erase_ben(service)

    await replicate.settled()

    assert [delivery.status for delivery in replicate.webhooks] == [200]
    assert await images_of_ben(service) == []


async def test_a_prediction_from_after_the_erasure_is_adopted_as_ever(
    service: Service, replicate: ReplicateStandIn
) -> None:
    await erase_ben(service)
    service.clock.advance(1)

    made = await start_elsewhere(service, replicate)

    assert (await until_stored(service))["prediction_id"] == made["id"]


@pytest.mark.parametrize("names_its_job", [True, False], ids=["by its job", "by its address"])
async def test_a_deleted_import_is_not_brought_back_by_its_jobs_webhook(
    service: Service, replicate: ReplicateStandIn, *, names_its_job: bool
) -> None:
    replicate.conduct.lost = frozenset({"completed"})
    made = await start_elsewhere(service, replicate)
    output = (await ended(replicate, made["id"]))["output"][0]
    job = {"prediction_id": made["id"], "output_index": 0} if names_its_job else {}
    imported = await (await service.import_url(output, user="ben", **job)).json()
    await delete(service, imported["id"])

    await service.graph.comparison.compare()

    (generation,) = await service.graph.adapters.generations.find_job("replicate", made["id"])
    shown = await (await service.http.get(f"/v1/generations/{generation.id}")).json()
    assert [(image["id"], image["status"]) for image in shown["images"]] == [(imported["id"], "deleted")]
    assert await images_of_ben(service) == []


async def test_the_outputs_that_were_not_deleted_are_hosted(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours["acme/pair"] = Behaviour(pictures=2)
    replicate.conduct.lost = frozenset({"completed"})
    made = await start_elsewhere(service, replicate, "pair")
    outputs = (await ended(replicate, made["id"]))["output"]
    imported = await (await service.import_url(outputs[0], user="ben")).json()
    await delete(service, imported["id"])

    await service.graph.comparison.compare()

    assert (await until_stored(service))["replicate_url"] == outputs[1]
    assert len(await images_of_ben(service)) == 1


async def test_importing_again_what_was_deleted_makes_a_new_image(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.conduct.lost = frozenset({"completed"})
    made = await start_elsewhere(service, replicate)
    output = (await ended(replicate, made["id"]))["output"][0]
    first = await (await service.import_url(output, user="ben")).json()
    await delete(service, first["id"])

    second = await (await service.import_url(output, user="ben")).json()
    await service.graph.comparison.compare()

    assert second["id"] != first["id"]
    assert [image["id"] for image in await images_of_ben(service)] == [second["id"]]

"""Predictions an app starts itself, with an address of ours that names and signs its user."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from app.domain.ids import UserId
from devkit.replicate import ReplicateStandIn
from tests.support.ports import free_port
from tests.support.service import Service, serving


@pytest.fixture
async def service(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    port = free_port()
    settings = {"PORT": str(port), "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}", "SIGNING_KEYS": "a-signing-key"}
    async with serving(tmp_path, replicate, **settings) as running:
        yield running


async def start_elsewhere(replicate: ReplicateStandIn, webhook: str) -> str:
    """Create a prediction as an app would that calls Replicate itself."""
    body = {"input": {"prompt": "mine"}, "webhook": webhook, "webhook_events_filter": ["completed"]}
    headers = {"Authorization": f"Bearer {replicate.token}"}
    url = f"{replicate.base_url}/v1/models/acme/painter/predictions"
    async with ClientSession() as app, app.post(url, json=body, headers=headers) as answer:
        return str((await answer.json())["id"])


async def images_of(service: Service, user: str) -> list[dict[str, Any]]:
    page = await (await service.http.get(f"/v1/users/{user}/images")).json()
    return [image for image in page["images"] if image["status"] == "stored"]


async def until_stored(service: Service, user: str) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while not (found := await images_of(service, user)):  # noqa: ASYNC110 (the service tells by HTTP only)
            await asyncio.sleep(0.02)
    return found


async def test_an_apps_own_prediction_is_adopted_for_the_user_its_address_names(
    service: Service, replicate: ReplicateStandIn
) -> None:
    prediction = await start_elsewhere(replicate, service.graph.callbacks.for_user("replicate", UserId("ana")) or "")

    found = await until_stored(service, "ana")

    assert [image["prediction_id"] for image in found] == [prediction]


async def test_an_address_without_our_signature_adopts_nothing(service: Service, replicate: ReplicateStandIn) -> None:
    await start_elsewhere(replicate, f"{service.url}/v1/webhooks/replicate?user_id=ana&signature={'0' * 64}")
    await replicate.settled()

    assert [delivery.status for delivery in replicate.webhooks] == [200]
    assert await images_of(service, "ana") == []


async def test_an_address_signed_for_one_user_opens_no_other(service: Service, replicate: ReplicateStandIn) -> None:
    url = service.graph.callbacks.for_user("replicate", UserId("ana")) or ""
    await start_elsewhere(replicate, url.replace("user_id=ana", "user_id=bob"))
    await replicate.settled()

    assert await images_of(service, "bob") == []


async def test_a_webhook_that_was_lost_is_made_good_by_the_providers_list(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.conduct.lost = frozenset({"completed"})
    await start_elsewhere(replicate, service.graph.callbacks.for_user("replicate", UserId("ana")) or "")
    await replicate.settled()
    before = await images_of(service, "ana")
    await asyncio.sleep(0.1)  # the prediction's own life

    await service.graph.comparison.compare()

    assert before == []
    assert len(await until_stored(service, "ana")) == 1


async def test_comparing_twice_hosts_once(service: Service, replicate: ReplicateStandIn) -> None:
    await start_elsewhere(replicate, service.graph.callbacks.for_user("replicate", UserId("ana")) or "")
    await until_stored(service, "ana")

    await service.graph.comparison.compare()
    await service.graph.comparison.compare()

    assert len(await images_of(service, "ana")) == 1

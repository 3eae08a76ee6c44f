"""POST /v1/webhooks/fal: signed by fal, whose keys come from its JWKS; one more way for news of a job to arrive."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from app.domain.ids import UserId
from devkit.fal import ApiFault, Behaviour, Conduct, FalStandIn
from tests.support.beside_fal import MODEL, reachable
from tests.support.service import Service

PATH = "/v1/webhooks/fal"


@pytest.fixture
async def service(tmp_path: Path, fal: FalStandIn) -> AsyncIterator[Service]:
    """A service that hears of its jobs by webhook only: asking does not help it."""
    async with reachable(tmp_path, fal) as running:
        fal.api_faults.add(ApiFault(on="status", status=503), times=1000)
        yield running


def body_of(request_id: str = "7b3a0b3e-0000-4000-8000-000000000000", **more: Any) -> bytes:
    known = {"request_id": request_id, "gateway_request_id": request_id, "error": None, "status": "OK"}
    return json.dumps(known | {"payload": {"images": []}} | more).encode()


async def deliver(service: Service, fal: FalStandIn, body: bytes, **headers: str) -> ClientResponse:
    signed = fal.keys.headers(json.loads(body)["request_id"], body, at=fal.clock())
    return await service.http.post(PATH, data=body, headers={**signed, **headers})


async def test_a_webhook_finishes_a_promise(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(running=1.5)
    promise = await (await service.generate(provider="fal", model=MODEL, wait=0)).json()
    state = await service.settled(promise["generation_id"])

    assert (state["status"], state["images"][0]["status"]) == ("succeeded", "stored")
    assert state["url"] == promise["url"]
    assert [delivery.status for delivery in fal.webhooks] == [200]


async def test_fal_is_told_which_generation_to_call_for(service: Service, fal: FalStandIn) -> None:
    image = await (await service.generate(provider="fal", model=MODEL)).json()
    (call,) = fal.journal.select(host="queue", method="POST")
    assert call.query["fal_webhook"] == f"{service.url}{PATH}?generation={image['generation_id']}"


async def test_a_webhook_finds_the_generation_whose_answer_was_lost(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(running=1.5)
    fal.api_faults.add(ApiFault(on="submit", drop=True, accepted=True))
    answer = await service.generate(provider="fal", model=MODEL, wait=0)
    promise = await answer.json()
    state = await service.settled(promise["generation_id"])

    assert answer.status == 202
    assert [each["status"] for each in state["images"]] == ["stored"]
    assert len(fal.requests) == 1


async def test_a_webhook_tells_of_a_failure(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(status=422, detail=[{"loc": ["body", "prompt"], "msg": "flagged", "type": "x"}])
    answer = await service.generate(provider="fal", model=MODEL, wait=10)
    assert (answer.status, (await answer.json())["detail"]) == (502, "prompt: flagged")


async def test_the_same_webhook_five_times_makes_one_image(tmp_path: Path) -> None:
    async with FalStandIn(conduct=Conduct(copies=5)) as fal, reachable(tmp_path, fal) as service:
        image = await (await service.generate(provider="fal", model=MODEL)).json()
        await fal.settled()
        state = await service.settled(image["generation_id"])

        assert [delivery.status for delivery in fal.webhooks] == [200] * 5
        assert len(state["images"]) == len(service.files()) == 1


async def test_a_result_no_webhook_can_carry_is_asked_for(tmp_path: Path, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(unsendable=True)
    async with reachable(tmp_path, fal) as service:
        image = await (await service.generate(provider="fal", model=MODEL)).json()
    assert image["status"] == "stored"


async def test_news_of_a_job_nobody_knows_is_fine_and_changes_nothing(service: Service, fal: FalStandIn) -> None:
    answer = await deliver(service, fal, body_of())
    assert answer.status == 200
    assert service.files() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Fal-Webhook-Signature": "0" * 128},
        {"X-Fal-Webhook-Signature": "v1,abc"},
        {"X-Fal-Webhook-User-Id": "somebody-else"},
        {"X-Fal-Webhook-Request-Id": "another"},
        {"X-Fal-Webhook-Timestamp": "soon"},
    ],
    ids=["zeros", "no hex", "another user", "another request", "no time"],
)
async def test_what_is_not_signed_as_it_stands_is_refused(
    service: Service, fal: FalStandIn, headers: dict[str, str]
) -> None:
    answer = await deliver(service, fal, body_of(), **headers)
    assert (answer.status, (await answer.json())["code"]) == (401, "unauthorized")


async def test_a_changed_body_is_refused(service: Service, fal: FalStandIn) -> None:
    body = body_of()
    headers = fal.keys.headers("7b3a0b3e-0000-4000-8000-000000000000", body, at=fal.clock())
    answer = await service.http.post(PATH, data=body.replace(b"OK", b"KO"), headers=headers)
    assert answer.status == 401


async def test_a_webhook_without_a_signature_is_refused(service: Service) -> None:
    assert (await service.http.post(PATH, data=body_of())).status == 401


@pytest.mark.parametrize(("seconds", "status"), [(290, 200), (310, 401)], ids=["five minutes", "more"])
async def test_a_webhook_is_good_for_five_minutes(service: Service, fal: FalStandIn, seconds: int, status: int) -> None:
    body = body_of()
    headers = fal.keys.headers("7b3a0b3e-0000-4000-8000-000000000000", body, at=fal.clock())
    fal.advance(seconds)
    assert (await service.http.post(PATH, data=body, headers=headers)).status == status


async def test_a_new_key_is_learned_from_the_first_webhook_it_signs(service: Service, fal: FalStandIn) -> None:
    assert (await deliver(service, fal, body_of())).status == 200
    fal.keys.rotate()
    fal.advance(61)
    assert (await deliver(service, fal, body_of())).status == 200
    assert len(fal.journal.select(host="rest", path="jwks")) == 2


async def test_forged_webhooks_do_not_have_us_ask_for_keys_each_time(service: Service, fal: FalStandIn) -> None:
    forged = {"X-Fal-Webhook-Signature": "0" * 128}
    answers = await asyncio.gather(*(deliver(service, fal, body_of(), **forged) for _ in range(30)))

    assert {answer.status for answer in answers} == {401}
    assert len(fal.journal.select(host="rest", path="jwks")) == 1


async def test_known_keys_are_good_while_new_ones_cannot_be_had(service: Service, fal: FalStandIn) -> None:
    await deliver(service, fal, body_of())
    fal.api_faults.add(ApiFault(on="jwks", status=500), times=10)
    fal.advance(25 * 3600)
    assert (await deliver(service, fal, body_of())).status == 200


async def test_an_app_that_calls_fal_itself_can_have_us_told(service: Service, fal: FalStandIn) -> None:
    address = service.graph.callbacks.for_user("fal", UserId("ana"))
    assert address is not None
    async with service.http.post(
        f"{fal.queue_url}/{MODEL}?fal_webhook=", headers={"Authorization": f"Key {fal.key}"}, json={}
    ):
        request = fal.requests[0]
    body = json.dumps(request.webhook_body()).encode()
    headers = fal.keys.headers(request.id, body, at=fal.clock())
    answer = await service.http.post(address, data=body, headers=headers)
    listed = await (await service.http.get("/v1/users/ana/images")).json()

    assert answer.status == 200
    assert [image["prediction_id"] for image in listed["images"]] == [request.id]

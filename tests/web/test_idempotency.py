"""Idempotency-Key: the same request twice is one generation, one image, one call to the provider."""

import asyncio
from typing import Any

import pytest

from devkit.replicate import (
    ApiFault,
    Behaviour,
    DeliveryFault,
    ReplicateStandIn,
    insufficient_credit,
    throttled,
)
from tests.support.delivered import put
from tests.support.hurry import generation_settled
from tests.support.service import Service

MODEL = "acme/painter"
GENERATE = "/v1/images/generate"
IMPORT = "/v1/images/import"


def body(**more: Any) -> dict[str, Any]:
    return {"user_id": "ana", "model": MODEL, "input": {"prompt": "a red square"}, **more}


def key(value: str = "k-1") -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": value}}


async def test_the_same_key_is_the_same_generation(service: Service, replicate: ReplicateStandIn) -> None:
    first = await service.post(GENERATE, body(), **key())
    again = await service.post(GENERATE, body(), **key())

    assert (first.status, again.status) == (200, 200)
    assert await again.json() == await first.json()
    assert len(replicate.predictions) == 1


async def test_the_order_of_members_is_no_difference(service: Service, replicate: ReplicateStandIn) -> None:
    await service.post(GENERATE, {"user_id": "ana", "model": MODEL, "input": {"a": 1, "b": 2}}, **key())
    again = await service.post(GENERATE, {"input": {"b": 2, "a": 1}, "model": MODEL, "user_id": "ana"}, **key())

    assert again.status == 200
    assert len(replicate.predictions) == 1


async def test_another_body_is_refused(service: Service, replicate: ReplicateStandIn) -> None:
    await service.post(GENERATE, body(), **key())
    answer = await service.post(GENERATE, body(metadata={"b": 2}), **key())

    assert (answer.status, (await answer.json())["code"]) == (422, "idempotency_key_reused")
    assert len(replicate.predictions) == 1


async def test_a_key_of_an_import_is_none_for_a_generation(service: Service, replicate: ReplicateStandIn) -> None:
    await service.post(IMPORT, {"user_id": "ana", "url": put(replicate)}, **key())
    answer = await service.post(GENERATE, body(), **key())

    assert (answer.status, (await answer.json())["code"]) == (422, "idempotency_key_reused")
    assert replicate.predictions == []


async def test_a_key_is_its_owners(service: Service, replicate: ReplicateStandIn) -> None:
    hers = await (await service.post(GENERATE, body(), **key())).json()
    his = await (await service.post(GENERATE, body() | {"user_id": "ben"}, **key())).json()

    assert hers["generation_id"] != his["generation_id"]
    assert len(replicate.predictions) == 2


async def test_duplicates_at_once_are_one_call(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.3)
    answers = await asyncio.gather(*(service.post(GENERATE, body(), **key()) for _ in range(10)))
    images = [await answer.json() for answer in answers]

    assert {answer.status for answer in answers} == {200}
    assert len({image["generation_id"] for image in images}) == len({image["id"] for image in images}) == 1
    assert len(replicate.predictions) == len(service.files()) == 1


async def test_whoever_did_not_wait_may_ask_again_and_wait(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.5)
    promise = await service.post(GENERATE, body(wait=0), **key())
    again = await service.post(GENERATE, body(wait=0), **key())
    state = await generation_settled(service, (await promise.json())["generation_id"])
    made = await service.post(GENERATE, body(wait=0), **key())

    assert (promise.status, again.status, made.status) == (202, 202, 200)
    assert (await made.json())["url"] == state["url"] == (await promise.json())["url"]
    assert len(replicate.predictions) == 1


@pytest.mark.parametrize(
    "fault",
    [
        insufficient_credit(),
        throttled(on="create"),
        ApiFault(on="create", status=422),
        ApiFault(on="create", drop=True),
    ],
    ids=["402", "429", "422", "dropped"],
)
async def test_after_a_refusal_the_key_may_be_used_again(
    service: Service, replicate: ReplicateStandIn, fault: ApiFault
) -> None:
    replicate.api_faults.add(fault)
    refused = await service.post(GENERATE, body(), **key())
    again = await service.post(GENERATE, body(), **key())

    assert refused.status in {402, 429, 502}
    assert again.status == 200
    assert len(replicate.predictions) == 1


async def test_duplicates_of_a_refused_call_are_refused_alike(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(insufficient_credit())
    replicate.api_faults.add(insufficient_credit())
    answers = await asyncio.gather(*(service.post(GENERATE, body(), **key()) for _ in range(2)))

    assert {answer.status for answer in answers} == {402}


async def test_a_failed_generation_stays_failed_under_its_key(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(ending="failed", error="no luck")
    first = await service.post(GENERATE, body(), **key())
    again = await service.post(GENERATE, body(), **key())

    assert (first.status, again.status) == (502, 502)
    assert len(replicate.predictions) == 1


async def test_the_same_key_is_the_same_import(service: Service, replicate: ReplicateStandIn) -> None:
    wanted = {"user_id": "ana", "url": put(replicate)}
    first = await service.post(IMPORT, wanted, **key())
    again = await service.post(IMPORT, wanted, **key())

    assert (first.status, again.status) == (201, 200)
    assert await again.json() == await first.json()


async def test_another_import_under_the_same_key_is_refused(service: Service, replicate: ReplicateStandIn) -> None:
    await service.post(IMPORT, {"user_id": "ana", "url": put(replicate)}, **key())
    answer = await service.post(IMPORT, {"user_id": "ana", "url": put(replicate, "/b.png")}, **key())

    assert (answer.status, (await answer.json())["code"]) == (422, "idempotency_key_reused")


async def test_duplicate_imports_at_once_are_one_image(service: Service, replicate: ReplicateStandIn) -> None:
    wanted = {"user_id": "ana", "url": put(replicate)}
    answers = await asyncio.gather(*(service.post(IMPORT, wanted, **key()) for _ in range(10)))

    assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
    assert len(service.files()) == len(replicate.journal.select(host="delivery")) == 1


async def test_an_import_of_a_dead_source_may_be_tried_again(service: Service, replicate: ReplicateStandIn) -> None:
    wanted = {"user_id": "ana", "url": put(replicate)}
    replicate.delivery_faults.add(DeliveryFault(status=404))
    gone = await service.post(IMPORT, wanted, **key())
    again = await service.post(IMPORT, wanted)

    assert (gone.status, again.status) == (502, 201)


async def test_a_deleted_image_is_not_given_out_under_its_key(service: Service, replicate: ReplicateStandIn) -> None:
    wanted = {"user_id": "ana", "url": put(replicate)}
    image = await (await service.post(IMPORT, wanted, **key())).json()
    await service.http.delete(f"/v1/images/hosted/ana/{image['id']}")
    again = await service.post(IMPORT, wanted, **key())

    assert (again.status, (await again.json())["code"]) == (410, "image_deleted")


@pytest.mark.parametrize("value", ["", " ", "x" * 256, "two words"], ids=["empty", "space", "long", "words"])
async def test_a_key_is_some_visible_characters(service: Service, replicate: ReplicateStandIn, value: str) -> None:
    answer = await service.post(GENERATE, body(), **key(value))

    assert (answer.status, (await answer.json())["field"]) == (422, "Idempotency-Key")
    assert replicate.predictions == []

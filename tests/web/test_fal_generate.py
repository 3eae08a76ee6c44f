"""POST /v1/images/generate with `provider: "fal"`: the same promises as with Replicate."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from devkit.delivery_faults import DeliveryFault
from devkit.fal import ApiFault, Behaviour, FalStandIn, Shape
from tests.support.beside_fal import MODEL, beside
from tests.support.problems import problem_of
from tests.support.service import Service

DAY = 24 * 3600


@pytest.fixture
async def service(tmp_path: Path, fal: FalStandIn) -> AsyncIterator[Service]:
    async with beside(tmp_path, fal) as running:
        yield running


async def generate(service: Service, **more: Any) -> ClientResponse:
    return await service.generate(**{"provider": "fal", "model": MODEL, **more})


async def bytes_at(service: Service, url: str) -> bytes:
    answer = await service.http.get(url)
    assert answer.status == 200
    return await answer.read()


async def test_what_fal_makes_is_hosted_byte_for_byte(service: Service, fal: FalStandIn) -> None:
    answer = await generate(service, input={"prompt": "a fox", "num_images": 3})
    image = await answer.json()

    assert (answer.status, image["status"], image["provider"]) == (200, "stored", "fal")
    assert image["prediction_id"] == fal.requests[0].id
    assert [each["replicate_url"] for each in image["images"]] == list(fal.requests[0].files)
    assert [await bytes_at(service, each["url"]) for each in image["images"]] == list(fal.requests[0].contents)


async def test_an_image_outlives_fals_copy(service: Service, fal: FalStandIn) -> None:
    image = await (await generate(service)).json()
    fal.advance(8 * DAY)

    assert (await service.http.get(image["replicate_url"])).status == 404
    assert await bytes_at(service, image["url"]) == fal.requests[0].contents[0]


async def test_fal_is_asked_once_with_the_input_alone_and_by_key(service: Service, fal: FalStandIn) -> None:
    await generate(service, input={"prompt": "a fox", "seed": 7})
    (call,) = fal.journal.select(host="queue", method="POST")

    assert (call.path, json.loads(call.body)) == (f"/{MODEL}", {"prompt": "a fox", "seed": 7})
    assert call.headers["Authorization"] == f"Key {fal.key}"
    assert "fal_webhook" not in call.query


async def test_status_and_result_are_asked_for_below_the_app(service: Service, fal: FalStandIn) -> None:
    await generate(service, model="fal-ai/flux/dev/image-to-image")
    asked = {call.path for call in fal.journal.select(host="queue", method="GET")}

    base = f"/fal-ai/flux/requests/{fal.requests[0].id}"
    assert asked == {base, f"{base}/status"}


async def test_a_promise_is_kept(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(running=2.0)
    answer = await generate(service, wait=0)
    promise = await answer.json()
    state = await service.settled(promise["generation_id"])

    assert answer.status == 202
    assert (state["status"], state["url"]) == ("succeeded", promise["url"])
    assert await bytes_at(service, promise["url"]) == fal.requests[0].contents[0]


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(shape=Shape.IMAGE),
        Behaviour(shape=Shape.SPARSE),
        Behaviour(shape=Shape.BARE),
        Behaviour(sync_mode=True),
        Behaviour(content_type="application/octet-stream"),
    ],
    ids=["one image", "nothing but urls", "bare strings", "data uris", "wrong label"],
)
async def test_every_shape_of_a_result_is_hosted(service: Service, fal: FalStandIn, behaviour: Behaviour) -> None:
    fal.behaviours[MODEL] = behaviour
    image = await (await generate(service)).json()

    assert image["status"] == "stored"
    assert await bytes_at(service, image["url"]) == fal.requests[0].contents[0]


async def test_a_film_beside_a_picture_does_not_take_its_place(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(shape=Shape.WITH_VIDEO)
    image = await (await generate(service)).json()

    assert image["status"] == "stored"
    assert image["images"][1]["replicate_url"].endswith(".mp4")
    assert (image["images"][1]["status"], image["images"][1]["reason"]) == ("rejected", "unsupported_format")


async def test_completed_is_not_success(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(
        status=422, detail=[{"loc": ["body", "prompt"], "msg": "flagged", "type": "content_policy_violation"}]
    )
    answer = await generate(service)
    problem = await answer.json()

    assert (answer.status, problem["code"], problem["detail"]) == (502, "generation_failed", "prompt: flagged")
    assert problem["prediction_id"] == fal.requests[0].id


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (Behaviour(status=500, detail=[{"loc": ["body"], "msg": "it broke", "type": "internal"}]), "it broke"),
        (Behaviour(error="out of memory", error_type="runner_server_error"), "out of memory"),
        (Behaviour(error="out of memory", error_type="internal_error", status=500, detail="500"), "out of memory"),
        (Behaviour(error="no luck", error_type="x", error_in_result=True), "no luck"),
        (Behaviour(shape=Shape.NOTHING), "The model returned no image."),
    ],
    ids=[
        *("500 by the model", "an error on the status", "an error on the status and a plain 500"),
        *("an error in the result", "nothing"),
    ],
)
async def test_every_kind_of_failure_is_told(
    service: Service, fal: FalStandIn, behaviour: Behaviour, said: str
) -> None:
    fal.behaviours[MODEL] = behaviour
    answer = await generate(service)

    assert (answer.status, (await answer.json())["detail"]) == (502, said)
    assert len(fal.journal.select(host="queue", method="POST")) == 1


async def test_a_result_that_cannot_be_had_for_a_moment_is_no_failure(service: Service, fal: FalStandIn) -> None:
    fal.api_faults.add(ApiFault(on="result", status=503, body="<html>nginx"), times=6)
    image = await (await generate(service, wait=20)).json()
    assert image["status"] == "stored"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (ApiFault(on="submit", status=429, headers={"Retry-After": "7"}), 429, "provider_throttled"),
        (ApiFault(on="submit", status=402), 402, "provider_credit"),
        (
            ApiFault(on="submit", status=403, body={"detail": "User is locked. Exhausted balance."}),
            402,
            "provider_credit",
        ),
        (ApiFault(on="submit", status=401, body={"detail": "who?"}), 502, "generation_failed"),
        (ApiFault(on="submit", status=422, body={"detail": "no"}), 502, "generation_failed"),
    ],
    ids=["throttled", "credit", "locked", "wrong key", "refused"],
)
async def test_what_fal_refuses_keeps_its_meaning(
    service: Service, fal: FalStandIn, fault: ApiFault, status: int, code: str
) -> None:
    fal.api_faults.add(fault)
    answer = await generate(service)

    await problem_of(answer, status=status, code=code)
    assert answer.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert len(fal.journal.select(host="queue", method="POST")) == 1


async def test_a_version_is_no_model_of_fal(service: Service) -> None:
    body = {"user_id": "ana", "provider": "fal", "version": "7" * 64, "input": {}}
    problem = await problem_of(await service.post("/v1/images/generate", body), status=422, code="invalid_request")
    assert problem["field"] == "version"


async def test_both_providers_are_named(service: Service) -> None:
    told = await (await service.http.get("/v1/capabilities")).json()
    assert told["providers"] == ["replicate", "fal"]


async def test_a_delete_cancels_what_runs(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(running=3600)
    promise = await (await generate(service, wait=0)).json()
    answer = await service.http.delete(f"/v1/generations/{promise['generation_id']}")

    assert (answer.status, (await answer.json())["status"]) == (200, "canceled")
    assert fal.requests[0].is_canceled


async def test_a_delete_comes_too_late_for_what_has_ended(service: Service, fal: FalStandIn) -> None:
    image = await (await generate(service)).json()
    answer = await service.http.delete(f"/v1/generations/{image['generation_id']}")
    assert (await answer.json())["status"] == "succeeded"


async def test_a_restart_goes_on_asking(tmp_path: Path, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(running=30)
    async with beside(tmp_path, fal) as before:
        promise = await (await generate(before, wait=0)).json()
    fal.advance(60)
    async with beside(tmp_path, fal) as after:
        state = await after.settled(promise["generation_id"])

    assert [each["status"] for each in state["images"]] == ["stored"]
    assert len(fal.requests) == 1


async def test_an_answer_that_is_lost_is_not_asked_for_again(service: Service, fal: FalStandIn) -> None:
    fal.api_faults.add(ApiFault(on="submit", drop=True, accepted=True))
    answer = await generate(service)
    problem = await answer.json()

    assert (answer.status, problem["code"], problem["retryable"]) == (502, "generation_failed", True)
    assert len(fal.requests) == 1


async def test_what_is_fetched_for_a_job_of_a_day_ago_is_not_lost(service: Service, fal: FalStandIn) -> None:
    fal.delivery.faults.add(DeliveryFault(status=503), times=40)
    promise = await (await generate(service, wait=1)).json()
    fal.advance(2 * DAY)
    fal.delivery.faults.clear()
    async with asyncio.timeout(20):
        state = await service.settled(promise["generation_id"])
    assert [each["status"] for each in state["images"]] == ["stored"]

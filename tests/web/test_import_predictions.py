"""POST /v1/images/import with a whole prediction: for apps that call Replicate themselves."""

from typing import Any

import pytest
from aiohttp import ClientResponse

from devkit.replicate import ApiFault, Behaviour, ReplicateStandIn
from tests.support.hurry import generation_settled
from tests.support.service import Service

MODEL = "acme/painter"


async def own_prediction(
    service: Service, replicate: ReplicateStandIn, *, at_once: bool = False, **prompt: Any
) -> dict[str, Any]:
    """Start a prediction past the service, as an app would, and return it as the API then describes it."""
    headers = {"Authorization": f"Bearer {replicate.token}"} | ({} if at_once else {"Prefer": "wait"})
    url = f"{replicate.base_url}/v1/models/{MODEL}/predictions"
    begun = await (await service.http.post(url, json={"input": prompt}, headers=headers)).json()
    if at_once:
        return dict(begun)
    await replicate.clock.sleep(0.05)
    found = await service.http.get(f"{replicate.base_url}/v1/predictions/{begun['id']}", headers=headers)
    return dict(await found.json())


async def adopt(
    service: Service, prediction: dict[str, Any], *, headers: dict[str, str] | None = None, **more: Any
) -> ClientResponse:
    body = {"user_id": "ana", "prediction": prediction, **more}
    return await service.post("/v1/images/import", body, headers=headers or {})


async def test_the_outputs_of_a_succeeded_one_are_hosted(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(pictures=3)
    answer = await adopt(service, await own_prediction(service, replicate), metadata={"from": "app"})
    image = await answer.json()

    assert answer.status == 200
    assert [one["status"] for one in image["images"]] == ["stored"] * 3
    assert image["prediction_id"] == replicate.predictions[0].id
    assert (image["source"], image["metadata"]) == ("generated", {"from": "app"})
    assert image["generation_id"].startswith("gen_")


async def test_twice_is_the_same_images(service: Service, replicate: ReplicateStandIn) -> None:
    prediction = await own_prediction(service, replicate)
    first = await (await adopt(service, prediction)).json()
    second = await adopt(service, prediction)

    assert (second.status, await second.json()) == (200, first)
    assert len(service.files()) == 1


async def test_one_that_is_running_is_followed_to_its_end(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.5)
    prediction = await own_prediction(service, replicate, at_once=True)
    image = await (await adopt(service, prediction)).json()

    assert prediction["output"] is None
    assert image["status"] == "stored"


async def test_one_that_is_running_is_promised(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.5)
    answer = await adopt(service, await own_prediction(service, replicate, at_once=True), wait=0)
    promise = await answer.json()
    state = await generation_settled(service, promise["generation_id"])

    assert answer.status == 202
    assert state["url"] == promise["url"]
    assert state["images"][0]["status"] == "stored"


async def test_a_failed_one_is_a_failure(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(ending="failed", error="no luck")
    answer = await adopt(service, await own_prediction(service, replicate))
    problem = await answer.json()

    assert (answer.status, problem["code"]) == (502, "generation_failed")
    assert "no luck" in problem["detail"]


async def test_one_whose_outputs_were_removed_is_gone(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.retention = 0
    prediction = await own_prediction(service, replicate)
    replicate.expire()
    answer = await adopt(service, prediction | {"output": None, "data_removed": True})

    assert (answer.status, (await answer.json())["code"]) == (502, "source_gone")


async def test_our_own_generations_job_is_not_hosted_twice(service: Service, replicate: ReplicateStandIn) -> None:
    made = await (await service.generate()).json()
    headers = {"Authorization": f"Bearer {replicate.token}"}
    url = f"{replicate.base_url}/v1/predictions/{made['prediction_id']}"
    prediction = await (await service.http.get(url, headers=headers)).json()
    answer = await adopt(service, prediction)
    removed = await adopt(service, prediction | {"output": None, "data_removed": True})

    assert (answer.status, await answer.json()) == (200, made)
    assert (removed.status, (await removed.json())["id"]) == (200, made["id"])
    assert len(service.files()) == 1


async def test_an_output_that_was_imported_by_its_url_is_the_same_image(
    service: Service, replicate: ReplicateStandIn
) -> None:
    prediction = await own_prediction(service, replicate)
    imported = await (await service.import_url(prediction["output"][0])).json()
    adopted = await (await adopt(service, prediction)).json()

    assert adopted["id"] == imported["id"]
    assert len(service.files()) == 1


async def test_one_the_provider_does_not_know_is_given_up(service: Service, replicate: ReplicateStandIn) -> None:
    document = {"id": "a" * 26, "status": "processing", "input": {}}
    promise = await (await adopt(service, document, wait=0)).json()
    service.clock.advance(90)
    state = await generation_settled(service, promise["generation_id"])

    assert (state["status"], state["error_code"]) == ("failed", "job_unknown")


async def test_one_whose_news_cannot_be_had_stays_open(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(ApiFault(on="get", status=500), times=50)
    answer = await adopt(service, {"id": "a" * 26, "status": "processing"}, wait=0.5)

    assert (answer.status, (await answer.json())["status"]) == (202, "processing")


@pytest.mark.parametrize(
    "document",
    [{}, {"id": "abc"}, {"status": "succeeded"}, {"id": "../../x", "status": "succeeded"}, {"id": 7, "status": "x"}],
    ids=["nothing", "no status", "no id", "odd id", "number"],
)
async def test_what_is_no_prediction_is_refused(service: Service, document: dict[str, Any]) -> None:
    answer = await adopt(service, document)

    assert (answer.status, (await answer.json())["field"]) == (422, "prediction")


@pytest.mark.parametrize(
    "more",
    [{"url": "https://replicate.delivery/a.png"}, {"image_id": "x"}, {"prediction_id": "x"}, {"output_index": 0}],
    ids=lambda more: next(iter(more)),
)
async def test_a_prediction_goes_with_nothing_else(service: Service, more: dict[str, Any]) -> None:
    answer = await adopt(service, {"id": "abc", "status": "succeeded"}, **more)

    assert answer.status == 422


async def test_a_key_that_came_with_another_prediction_is_refused(
    service: Service, replicate: ReplicateStandIn
) -> None:
    key = {"Idempotency-Key": "k1"}
    first, other = await own_prediction(service, replicate), await own_prediction(service, replicate)
    begun = await adopt(service, first, headers=key)
    again = await adopt(service, first, headers=key)
    reused = await adopt(service, other, headers=key)

    assert (begun.status, again.status) == (200, 200)
    assert (await again.json())["id"] == (await begun.json())["id"]
    assert (reused.status, (await reused.json())["code"]) == (422, "idempotency_key_reused")

"""GET and DELETE /v1/generations/{id}: what has become of a job, and its end before its time."""

import asyncio
from pathlib import Path

import pytest

from devkit.replicate import ApiFault, Behaviour, ReplicateStandIn
from tests.support.hurry import generation_settled
from tests.support.service import Service, serving

MODEL = "acme/painter"


async def promised(service: Service, replicate: ReplicateStandIn) -> str:
    """Begin what takes a minute and return its path."""
    replicate.behaviours[MODEL] = Behaviour(processing=60)
    promise = await (await service.generate(wait=0, metadata={"a": 1})).json()
    return f"/v1/generations/{promise['generation_id']}"


async def test_the_state_of_a_running_generation(service: Service, replicate: ReplicateStandIn) -> None:
    path = await promised(service, replicate)
    state = await (await service.http.get(path)).json()

    assert state["status"] in {"starting", "processing"}
    assert (state["user_id"], state["provider"], state["model"]) == ("ana", "replicate", MODEL)
    assert (state["error"], state["completed_at"], state["metadata"]) == (None, None, {"a": 1})
    assert state["prediction_id"] == replicate.predictions[0].id
    assert state["url"] == state["images"][0]["url"]


async def test_the_state_of_an_ended_generation(service: Service) -> None:
    made = await (await service.generate()).json()
    state = await (await service.http.get(f"/v1/generations/{made['generation_id']}")).json()

    assert (state["status"], state["error"]) == ("succeeded", None)
    assert state["images"] == made["images"]
    assert state["completed_at"].endswith("Z")


@pytest.mark.parametrize("name", ["gen_" + "0" * 26, "gen_x", "x", "gen_" + "U" * 26])
async def test_a_generation_nobody_knows_is_not_found(service: Service, name: str) -> None:
    for method in ("GET", "DELETE"):
        answer = await service.http.request(method, f"/v1/generations/{name}")
        assert (answer.status, (await answer.json())["code"]) == (404, "not_found")


async def test_a_generation_is_nobody_elses(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    async with serving(tmp_path, replicate, API_KEYS="a-long-service-key", HOST="127.0.0.1") as service:
        service.http.headers["Authorization"] = "Bearer a-long-service-key"
        made = await (await service.generate()).json()
        token = (await (await service.post("/v1/tokens", {"user_id": "ben"})).json())["token"]
        service.http.headers["Authorization"] = f"Bearer {token}"
        seen = await service.http.get(f"/v1/generations/{made['generation_id']}")
        canceled = await service.http.delete(f"/v1/generations/{made['generation_id']}")

    assert (seen.status, canceled.status) == (404, 404)


async def test_a_running_generation_is_canceled_at_the_provider(service: Service, replicate: ReplicateStandIn) -> None:
    path = await promised(service, replicate)
    answer = await service.http.delete(path)
    state = await answer.json()

    assert (answer.status, state["status"]) == (200, "canceled")
    assert state["images"][0]["status"] == "rejected"
    assert replicate.predictions[0].canceled_at is not None
    assert (await service.http.get(state["url"])).status == 404


async def test_canceling_twice_is_fine(service: Service, replicate: ReplicateStandIn) -> None:
    path = await promised(service, replicate)
    first = await (await service.http.delete(path)).json()
    second = await service.http.delete(path)

    assert (second.status, await second.json()) == (200, first)
    assert len(replicate.journal.select(path="/cancel")) == 1


async def test_what_has_ended_stays_as_it_ended(service: Service, replicate: ReplicateStandIn) -> None:
    made = await (await service.generate()).json()
    state = await (await service.http.delete(f"/v1/generations/{made['generation_id']}")).json()

    assert (state["status"], state["images"][0]["status"]) == ("succeeded", "stored")
    assert replicate.journal.select(path="/cancel") == []


async def test_a_cancellation_that_comes_too_late_shows_what_was_made(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.1)
    promise = await (await service.generate(wait=0)).json()
    await replicate.clock.sleep(0.15)
    state = await (await service.http.delete(f"/v1/generations/{promise['generation_id']}")).json()

    assert state["status"] == "succeeded"
    assert (await generation_settled(service, promise["generation_id"]))["images"][0]["status"] == "stored"


async def test_whoever_waits_for_a_generation_hears_of_its_cancellation(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=60)
    waiting = asyncio.create_task(service.generate(wait=20))
    await replicate.arrived()
    replicate._registry.cancel(replicate.predictions[0])
    answer = await waiting
    problem = await answer.json()

    assert (answer.status, problem["code"], problem["generation_status"]) == (502, "generation_failed", "canceled")


async def test_a_provider_that_cannot_be_reached_leaves_the_generation_open(
    service: Service, replicate: ReplicateStandIn
) -> None:
    path = await promised(service, replicate)
    replicate.api_faults.add(ApiFault(on="cancel", status=429, headers={"Retry-After": "60"}))
    answer = await service.http.delete(path)

    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert (await (await service.http.get(path)).json())["completed_at"] is None
    assert (await service.http.delete(path)).status == 200


async def test_a_job_whose_answer_was_lost_can_be_canceled(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=60)
    replicate.api_faults.add(ApiFault(on="create", drop=True, accepted=True))
    replicate.api_faults.add(ApiFault(on="list", status=429, headers={"Retry-After": "60"}), times=10)
    promise = await (await service.generate(wait=0)).json()
    replicate.api_faults.clear()
    state = await (await service.http.delete(f"/v1/generations/{promise['generation_id']}")).json()

    assert state["status"] == "canceled"
    assert replicate.predictions[0].canceled_at is not None


async def test_a_job_that_never_was_can_be_canceled(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(ApiFault(on="create", drop=True))
    replicate.api_faults.add(ApiFault(on="list", status=429, headers={"Retry-After": "60"}), times=10)
    async with serving(tmp_path, replicate) as service:
        promise = await (await service.generate(wait=0)).json()
        replicate.api_faults.clear()
        state = await (await service.http.delete(f"/v1/generations/{promise['generation_id']}")).json()

    assert (state["status"], state["images"][0]["status"]) == ("canceled", "rejected")


async def test_a_hundred_generations_at_once_all_succeed(service: Service, replicate: ReplicateStandIn) -> None:
    answers = await asyncio.gather(*(service.generate(user=f"user-{number % 5}") for number in range(100)))
    images = [await answer.json() for answer in answers]

    assert {answer.status for answer in answers} == {200}
    final = [await service.settled(image["generation_id"]) for image in images]
    assert {state["images"][0]["status"] for state in final} == {"stored"}
    assert len({image["id"] for image in images}) == len(replicate.predictions) == 100
    assert sum(len(service.files(f"user-{number}")) for number in range(5)) == 100

"""POST /v1/images/generate: a provider that refuses, fails, breaks or hangs is called exactly once."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from devkit.replicate import ApiFault, Behaviour, ReplicateStandIn, insufficient_credit, throttled, unauthenticated
from tests.support.service import Service, serving

MODEL = "acme/painter"


def calls(replicate: ReplicateStandIn) -> int:
    """Return how often the provider was asked to start something."""
    return len([call for call in replicate.journal.select(host="api", method="POST") if "cancel" not in call.path])


async def problem_of(answer: ClientResponse, status: int, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = await answer.json()
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert answer.content_type == "application/problem+json"
    assert "no-store" in answer.headers["Cache-Control"]
    return problem


@pytest.mark.parametrize("ending", ["failed", "canceled", "aborted"])
async def test_a_job_that_ends_without_success_is_a_failure(
    service: Service, replicate: ReplicateStandIn, ending: str
) -> None:
    replicate.behaviours[MODEL] = Behaviour(ending=ending, error="CUDA out of memory (E1001)")
    problem = await problem_of(await service.generate(), 502, "generation_failed")
    state = await (await service.http.get(f"/v1/generations/{problem['generation_id']}")).json()

    assert state["status"] == ending
    assert (state["error_code"], state["images"]) == ("generation_failed", [])
    assert ("CUDA out of memory (E1001)" in problem["detail"]) is (ending == "failed")
    assert calls(replicate) == 1


@pytest.mark.parametrize("error", [{"reason": "nsfw"}, ["a", 1], 17, "x" * 100_000, None], ids=type)
async def test_an_error_of_any_type_is_told(service: Service, replicate: ReplicateStandIn, error: object) -> None:
    replicate.behaviours[MODEL] = Behaviour(ending="failed", error=error)
    problem = await problem_of(await service.generate(), 502, "generation_failed")

    assert 0 < len(problem["detail"]) <= 2000


async def test_a_status_nobody_knows_is_one_that_goes_on(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(running_as="hibernating", processing=0.3)
    answer = await service.generate()

    assert (answer.status, (await answer.json())["status"]) == (200, "stored")


async def test_a_last_status_nobody_knows_keeps_its_promise_open(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(ending="hibernating", pictures=0)
    answer = await service.generate(wait=1)

    assert answer.status == 202
    assert (await answer.json())["status"] == "processing"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (unauthenticated(on="create"), 502, "generation_failed"),
        (insufficient_credit(), 402, "provider_credit"),
        (ApiFault(on="create", status=404, body={"detail": "No such model."}), 502, "generation_failed"),
        (ApiFault(on="create", status=422, body={"detail": "- input: width is too large"}), 502, "generation_failed"),
        (throttled(on="create"), 429, "provider_throttled"),
        (ApiFault(on="create", status=500, body="oops"), 502, "generation_failed"),
        (ApiFault(on="create", status=503, body="<html>cloud</html>"), 502, "generation_failed"),
        (ApiFault(on="create", drop=True), 502, "generation_failed"),
    ],
    ids=["401", "402", "404", "422", "429", "500", "503", "dropped"],
)
async def test_a_refusal_keeps_its_meaning(
    service: Service, replicate: ReplicateStandIn, fault: ApiFault, status: int, code: str
) -> None:
    replicate.api_faults.add(fault)
    problem = await problem_of(await service.generate(), status, code)

    assert calls(replicate) == 1
    assert replicate.token not in problem["detail"]
    assert (await (await service.http.get("/v1/users/ana/images")).json())["images"] == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (ApiFault(on="create", status=404, body={"detail": "No such model."}), "No such model."),
        (ApiFault(on="create", status=422, body={"detail": "- input: width is too large"}), "width is too large"),
        (insufficient_credit(), "insufficient credit"),
    ],
    ids=["404", "422", "402"],
)
async def test_a_refusal_says_what_the_provider_said(
    service: Service, replicate: ReplicateStandIn, fault: ApiFault, words: str
) -> None:
    replicate.api_faults.add(fault)
    problem = await (await service.generate()).json()

    assert words in problem["detail"]


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (throttled(on="create", seconds=30, header="7", body=9), "7"),
        (throttled(on="create", seconds=30, body=9), "9"),
        (throttled(on="create", seconds=30), "30"),
    ],
    ids=["header", "body", "text"],
)
async def test_a_throttled_call_says_when_to_come_back(
    service: Service, replicate: ReplicateStandIn, fault: ApiFault, seconds: str
) -> None:
    replicate.api_faults.add(fault)
    answer = await service.generate()

    assert answer.status == 429
    assert answer.headers["Retry-After"] == seconds
    assert (await answer.json())["retryable"] is True


@pytest.mark.parametrize(
    "fault",
    [
        ApiFault(on="create", drop=True, accepted=True),
        ApiFault(on="create", status=500, accepted=True),
        ApiFault(on="create", status=503, accepted=True),
        ApiFault(on="create", status=201, body={"id": "x" * 500}, cut_after=20, accepted=True),
        ApiFault(on="create", status=201, body="not JSON", accepted=True),
    ],
    ids=["dropped", "500", "503", "cut", "garbled"],
)
async def test_a_job_whose_answer_was_lost_is_found_in_the_providers_list(
    service: Service, replicate: ReplicateStandIn, fault: ApiFault
) -> None:
    replicate.api_faults.add(fault)
    answer = await service.generate()
    image = await answer.json()

    assert (answer.status, image["status"]) == (200, "stored")
    assert image["prediction_id"] == replicate.predictions[0].id
    assert calls(replicate) == 1


async def test_a_lost_answer_is_looked_for_until_the_list_can_be_had(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.api_faults.add(ApiFault(on="create", drop=True, accepted=True))
    replicate.api_faults.add(throttled(on="list", seconds=60), times=10)
    promise = await service.generate(wait=0.5)
    replicate.api_faults.clear()
    await service.graph.reconciler.reconcile()
    state = await service.settled((await promise.json())["generation_id"])

    assert promise.status == 202
    assert state["images"][0]["status"] == "stored"
    assert calls(replicate) == 1


async def test_two_lost_answers_to_one_question_are_two_jobs(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(ApiFault(on="create", drop=True, accepted=True), times=2)
    first = await (await service.generate()).json()
    second = await (await service.generate()).json()

    assert {first["prediction_id"], second["prediction_id"]} == {job.id for job in replicate.predictions}
    assert first["id"] != second["id"]


async def test_a_lost_answer_is_not_confused_with_another_models(service: Service, replicate: ReplicateStandIn) -> None:
    headers = {"Authorization": f"Bearer {replicate.token}"}
    body = {"input": {"prompt": "a red square"}}
    await service.http.post(f"{replicate.base_url}/v1/models/acme/sculptor/predictions", json=body, headers=headers)
    replicate.api_faults.add(ApiFault(on="create", drop=True))
    answer = await service.generate()

    await problem_of(answer, 502, "generation_failed")
    assert service.files() == []


async def test_without_a_token_nothing_is_begun(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    async with serving(tmp_path, replicate, REPLICATE_API_TOKEN="") as service:
        await problem_of(await service.generate(), 503, "provider_not_configured")

    assert calls(replicate) == 0


async def test_a_provider_that_is_not_there_was_told_nothing(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    nowhere = "http://127.0.0.1:9"
    async with serving(tmp_path, replicate, REPLICATE_BASE_URL=nowhere) as service:
        problem = await problem_of(await service.generate(), 502, "generation_failed")

    assert problem["retryable"] is True

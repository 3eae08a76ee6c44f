"""A generation that was given up as never started, and turns out to have been."""

from app.domain.ids import GenerationId
from devkit.replicate import ApiFault, ReplicateStandIn
from tests.support.service import Service


async def test_a_provider_in_trouble_is_worth_another_try(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(ApiFault(on="create", status=503))

    answer = await service.generate()
    problem = await answer.json()

    assert answer.status == 502
    assert (problem["code"], problem["retryable"]) == ("generation_failed", True)


async def test_a_job_that_turns_up_late_is_hosted_and_its_generation_has_succeeded(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.api_faults.add(ApiFault(on="create", status=504))
    problem = await (await service.generate()).json()
    made = await (await service.generate(input={"prompt": "another"}, user="bob")).json()
    job = await service.graph.adapters.replicate.get(made["prediction_id"])
    generation = await service.graph.jobs.find(GenerationId(problem["generation_id"]))

    await service.graph.jobs.observe(generation, job)
    state = await service.settled(problem["generation_id"])

    assert (state["status"], state["error_code"], state["prediction_id"]) == ("succeeded", None, job.id)
    assert [image["status"] for image in state["images"]] == ["stored"]

"""IMAGE_HOSTING_ENABLED=false: the provider's URLs are passed through, and nothing is kept."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.replicate import Behaviour, ReplicateStandIn
from tests.support.hurry import generation_settled
from tests.support.service import Service, serving

MODEL = "acme/painter"


@pytest.fixture
async def service(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    async with serving(tmp_path, replicate, IMAGE_HOSTING_ENABLED="false") as running:
        yield running


async def test_a_generation_answers_with_the_providers_urls(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(pictures=3)
    answer = await service.generate()
    image = await answer.json()

    assert answer.status == 200
    assert [one["url"] for one in image["images"]] == list(replicate.predictions[0].files)
    assert image["url"] == image["replicate_url"] == replicate.predictions[0].files[0]
    assert service.files() == []
    assert replicate.journal.select(host="delivery") == []


async def test_nothing_is_in_the_list(service: Service) -> None:
    await service.generate()
    page = await (await service.http.get("/v1/users/ana/images")).json()

    assert page["images"] == []


async def test_an_unfinished_generation_can_be_asked_after(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.3)
    promise = await (await service.generate(wait=0)).json()
    state = await generation_settled(service, promise["generation_id"])

    assert state["status"] == "succeeded"
    assert [image["url"] for image in state["images"]] == list(replicate.predictions[0].files)


async def test_an_end_that_was_heard_by_others_is_answered_with_its_urls(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=0.4)
    provider = service.graph.adapters.replicate
    promise = await (await service.generate(wait=0)).json()
    await replicate.clock.sleep(0.5)
    job = await provider.get(replicate.predictions[0].id)
    await service.graph.jobs.hear(job, of=None)
    state = await (await service.http.get(f"/v1/generations/{promise['generation_id']}")).json()

    assert state["url"] == replicate.predictions[0].files[0]


async def test_a_failure_is_one_here_too(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(ending="failed", error="no luck")
    answer = await service.generate()

    assert (answer.status, (await answer.json())["code"]) == (502, "generation_failed")


async def test_an_import_answers_with_its_own_url(service: Service, replicate: ReplicateStandIn) -> None:
    url = f"{replicate.delivery_url}/some/out-0.png"
    answer = await service.import_url(url)
    image = await answer.json()

    assert (answer.status, image["url"]) == (200, url)
    assert service.files() == []


async def test_an_import_of_a_host_that_is_not_allowed_is_refused_here_too(service: Service) -> None:
    answer = await service.import_url("https://evil.example/out.png")

    assert (answer.status, (await answer.json())["code"]) == (422, "source_not_allowed")

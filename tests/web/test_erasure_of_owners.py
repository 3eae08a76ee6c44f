"""Erasing an owner: nothing is served, listed or found any more, and nobody else notices."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.replicate import ReplicateStandIn
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.still import host, promise, still


@pytest.fixture
async def service(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    async with still(tmp_path, replicate) as running:
        yield running


async def test_every_image_of_the_owner_goes(service: Service) -> None:
    for number in range(105):
        await promise(service, f"pic-{number}")
    await host(service)
    assert (await service.http.delete("/v1/users/ana")).status == 204
    assert (await (await service.http.get("/v1/users/ana/images")).json())["images"] == []
    assert (await service.graph.adapters.captures.backlog()).open == 0
    assert service.files() == []


async def test_the_tombstones_say_that_the_owner_was_erased(service: Service) -> None:
    await host(service)
    await service.http.delete("/v1/users/ana")
    document = await problem_of(await service.http.get("/v1/images/hosted/ana/pic"), status=410, code="image_deleted")
    assert document["reason"] == "user_erased"


async def test_generations_are_forgotten(service: Service) -> None:
    made = await (await service.generate(wait=0)).json()
    await service.http.delete("/v1/users/ana")
    response = await service.http.get(f"/v1/generations/{made['generation_id']}")
    await problem_of(response, status=404, code="not_found")


async def test_others_keep_everything(service: Service) -> None:
    await host(service)
    await host(service, user="bob")
    made = await (await service.generate(user="bob", wait=0)).json()
    await service.http.delete("/v1/users/ana")
    assert (await service.http.get("/v1/images/hosted/bob/pic")).status == 200
    assert (await service.http.get(f"/v1/generations/{made['generation_id']}")).status == 200


async def test_erasing_twice_or_nobody_is_fine(service: Service) -> None:
    await host(service)
    for user in ("ana", "ana", "nobody"):
        assert (await service.http.delete(f"/v1/users/{user}")).status == 204


async def test_an_erased_owner_can_begin_again(service: Service) -> None:
    await host(service)
    await service.http.delete("/v1/users/ana")
    await host(service, "new")
    listed = await (await service.http.get("/v1/users/ana/images")).json()
    assert [image["id"] for image in listed["images"]] == ["new"]


async def test_an_idempotency_key_of_the_erased_means_nothing_any_more(service: Service) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"user_id": "ana", "url": "data:image/png;base64,iVBORw0KGgo=", "wait": 0}
    first = await (await service.post("/v1/images/import", body, headers=headers)).json()
    await service.http.delete("/v1/users/ana")
    second = await (await service.post("/v1/images/import", body, headers=headers)).json()
    assert first["id"] != second["id"]

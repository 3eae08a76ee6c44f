"""Several processes over one volume keep every promise that one keeps."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devkit.replicate import ReplicateStandIn
from tests.support.delivered import put
from tests.support.fleet import Fleet, fleet, metrics
from tests.support.pictures import png
from tests.support.sources import data_uri

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replicate() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn() as stand_in:
        yield stand_in


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory, replicate: ReplicateStandIn) -> AsyncIterator[Fleet]:
    """Two processes for all tests here: starting them takes longer than any of these."""
    async with fleet(tmp_path_factory.mktemp("data"), replicate) as deployment:
        yield deployment


async def test_each_answers_and_what_is_done_once_is_done_by_one(running: Fleet) -> None:
    for number in (1, 2):
        assert (await (await running.client(number)).get("/readyz")).status == 200

    assert [line["worker"] for line in running.said("captures taken over")] == [1]
    assert all("worker" in line for line in running.lines)
    assert [line["worker"] for line in running.lines if "port" in line] == [0]


async def test_what_one_stores_another_serves_and_what_one_deletes_is_gone_for_all(running: Fleet) -> None:
    first, second = await running.client(1), await running.client(2)
    for number in range(10):
        name = f"image{number}"
        body = {"user_id": "ana", "image_id": name, "url": data_uri(png())}
        # The same source is the same image, so each belongs to somebody else.
        assert (await second.post("/v1/images/import", json=body | {"user_id": f"user{number}"})).status == 201
        path = f"/v1/images/hosted/user{number}/{name}"
        # More than once: what is hot is answered from memory.
        assert [(await first.get(path)).status for _ in range(4)] == [200] * 4
        assert (await second.delete(path)).status == 204
        assert (await first.get(path)).status == 410


async def test_an_erased_owner_is_gone_for_all_at_once(running: Fleet, replicate: ReplicateStandIn) -> None:
    first, second = await running.client(1), await running.client(2)
    urls = []
    for number in range(5):
        body = {"user_id": "ana", "url": put(replicate, f"/{number}/out.png")}
        urls.append((await (await first.post("/v1/images/import", json=body)).json())["url"])
    assert {(await second.get(url)).status for url in urls} == {200}

    assert (await first.delete("/v1/users/ana")).status == 204
    assert {(await second.get(url)).status for url in urls} == {410}


async def test_more_than_one_can_take_is_shared(running: Fleet, replicate: ReplicateStandIn) -> None:
    bodies = [{"user_id": "bob", "url": put(replicate, f"/{number}/out.png"), "wait": 20} for number in range(30)]
    answers = await asyncio.gather(*(running.service.http.post("/v1/images/import", json=body) for body in bodies))

    assert {answer.status for answer in answers} == {201}
    assert {line["worker"] for line in running.said("image stored")} == {1, 2}


async def test_each_shows_the_numbers_of_all(running: Fleet) -> None:
    first, second = await running.client(1), await running.client(2)
    for http, times in ((first, 3), (second, 4)):
        for _ in range(times):
            await http.get("/livez")
    route = 'holdfast_requests_total{method="GET",route="/livez",status="2xx"}'
    seen = [await metrics(http) for http in (first, second)]

    assert [numbers[route] for numbers in seen] == [7, 7]
    assert [numbers["holdfast_processes"] for numbers in seen] == [2, 2]
    assert [numbers["holdfast_ready"] for numbers in seen] == [1, 1]


async def test_temporary_images_are_those_of_all(running: Fleet) -> None:
    first, second = await running.client(1), await running.client(2)
    body = {"user_id": "ana", "data_url": data_uri(png())}
    image = await (await first.post("/api/images", json=body)).json()

    assert await (await second.get(image["url"])).read() == png()
    assert (await second.delete(image["url"])).status == 204
    assert (await first.get(image["url"])).status == 404


async def test_what_is_uploaded_to_one_is_served_by_another(running: Fleet) -> None:
    first, second = await running.client(1), await running.client(2)
    headers = {"Content-Type": "image/png"}
    answer = await first.post("/api/uploads/image?user_id=ana", data=png(), headers=headers)

    assert (await second.get((await answer.json())["url"])).status == 200

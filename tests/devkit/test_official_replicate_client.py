"""The official client, over real sockets and in a thread of its own: it must not notice the difference."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx
import pytest
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError

from devkit.replicate import Behaviour, FakeClock, ReplicateStandIn, Shape, Sync, throttled

Result = TypeVar("Result")
VERSION = "0" * 64


@pytest.fixture
async def replicate() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn(clock=FakeClock(ticking=True), page_size=2) as stand_in:
        yield stand_in


@contextmanager
def official(replicate: ReplicateStandIn) -> Iterator[Client]:
    client = Client(api_token=replicate.token, base_url=replicate.base_url)
    client.poll_interval = 0.005
    with client._client:
        yield client


async def run(replicate: ReplicateStandIn, work: Callable[[Client], Result]) -> Result:
    def inside() -> Result:
        with official(replicate) as client:
            return work(client)

    return await asyncio.to_thread(inside)


async def test_it_runs_a_model_and_its_output_can_be_fetched(replicate: ReplicateStandIn) -> None:
    (url,) = await run(replicate, lambda client: client.run("a/b", input={"prompt": "x"}))

    assert (await asyncio.to_thread(httpx.get, url)).content == replicate.predictions[0].contents[0]
    assert replicate.journal.entries[0].headers["Prefer"] == "wait"


async def test_it_runs_a_version(replicate: ReplicateStandIn) -> None:
    output = await run(replicate, lambda client: client.run(f"a/b:{VERSION}", input={}))

    assert output == list(replicate.predictions[0].files)
    assert replicate.predictions[0].version == VERSION


async def test_it_polls_when_the_wait_has_run_out(replicate: ReplicateStandIn) -> None:
    replicate.behaviours["a/b"] = Behaviour(sync=Sync.TIMED_OUT)

    output = await run(replicate, lambda client: client.run("a/b", input={}))

    assert output == list(replicate.predictions[0].files)
    assert len(replicate.journal.select(method="GET")) > 0


async def test_it_reads_data_uris(replicate: ReplicateStandIn) -> None:
    replicate.behaviours["a/b"] = Behaviour(sync=Sync.DATA_URI)

    content = await run(replicate, lambda client: client.run("a/b", input={})[0].read())

    assert content == replicate.predictions[0].contents[0]


async def test_it_iterates_over_a_growing_output(replicate: ReplicateStandIn) -> None:
    replicate.behaviours["a/b"] = Behaviour(shape=Shape.GROWING, pictures=3)

    output = await run(replicate, lambda client: list(client.run(f"a/b:{VERSION}", input={}, wait=False)))

    assert output == list(replicate.predictions[0].files)


async def test_it_reports_a_model_that_failed(replicate: ReplicateStandIn) -> None:
    replicate.behaviours["a/b"] = Behaviour(ending="failed", error="E1001: out of memory")

    with pytest.raises(ModelError, match="E1001"):
        await run(replicate, lambda client: client.run("a/b", input={}, wait=False))


async def test_it_creates_reads_and_waits(replicate: ReplicateStandIn) -> None:
    def work(client: Client) -> tuple[str, str, float]:
        prediction = client.predictions.create(version=VERSION, input={"steps": 4})
        first = prediction.status
        prediction.wait()
        progress = client.predictions.get(prediction.id).progress
        assert progress is not None
        return first, prediction.status, progress.percentage

    assert await run(replicate, work) == ("starting", "succeeded", 1.0)


async def test_it_cancels(replicate: ReplicateStandIn) -> None:
    replicate.behaviour = Behaviour(processing=600)
    replicate.behaviours["deployments/a/b"] = replicate.behaviour

    def work(client: Client) -> str:
        prediction = client.deployments.predictions.create("a/b", input={})
        prediction.cancel()
        return prediction.status

    assert await run(replicate, work) == "canceled"


async def test_it_turns_pages(replicate: ReplicateStandIn) -> None:
    def work(client: Client) -> list[int]:
        for _ in range(3):
            client.models.predictions.create("a/b", input={})
        first = client.predictions.list()
        second = client.predictions.list(first.next)
        return [len(first), len(second), len(client.predictions.list(second.previous))]

    assert await run(replicate, work) == [2, 1, 2]


async def test_it_uploads_finds_and_deletes_files(replicate: ReplicateStandIn) -> None:
    def work(client: Client) -> None:
        file = client.files.create(io.BytesIO(b"hello"), filename="a.txt", content_type="text/plain", metadata={"a": 1})
        assert (file.name, file.size, file.content_type, file.metadata) == ("a.txt", 5, "text/plain", {"a": 1})
        assert file.checksums["md5"] == "5d41402abc4b2a76b9719d911017c592"
        assert client.files.get(file.id).urls == {"get": f"{replicate.base_url}/v1/files/{file.id}"}
        assert client._client.get(f"/v1/files/{file.id}/download").content == b"hello"
        assert [each.id for each in client.files.list()] == [file.id]
        assert client.files.delete(file.id)
        assert client.files.list() == []

    await run(replicate, work)


async def test_it_reads_models_versions_and_the_webhook_secret(replicate: ReplicateStandIn) -> None:
    def work(client: Client) -> str:
        model = client.models.get("a/b")
        assert model.latest_version is not None
        assert model.versions.list()[0].id == model.latest_version.id
        return client.webhooks.default.secret().key

    key = await run(replicate, work)

    assert key == replicate.webhook_secret
    assert len(base64.b64decode(key.removeprefix("whsec_"))) == 24


async def test_it_tries_a_throttled_read_again(replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(throttled(header="0"), times=2)

    assert await run(replicate, lambda client: len(client.predictions.list())) == 0


async def test_it_reports_a_refused_key_in_the_words_of_the_api(replicate: ReplicateStandIn) -> None:
    replicate.token = "r8_wrong"  # what the client is given; the server knows its own by now

    with pytest.raises(ReplicateError, match="You did not pass a valid authentication token"):
        await run(replicate, lambda client: client.predictions.list())

"""GET of a hosted image whose bytes are still on their way."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from devkit.replicate import Behaviour, DeliveryFault, ReplicateStandIn
from tests.support import pictures
from tests.support.delivered import put
from tests.support.service import Service, serving

MODEL = "acme/painter"


@pytest.fixture
async def service(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    async with serving(tmp_path, replicate, SHUTDOWN_GRACE_SECONDS="0", CAPTURE_READ_WAIT="0.4") as running:
        yield running


async def capturing(service: Service, replicate: ReplicateStandIn, *, drip: float = 10) -> str:
    """Return the URL of an image that arrives by and by."""
    replicate.delivery_faults.add(DeliveryFault(drip=drip))
    answer = await service.import_url(put(replicate), wait=0)
    assert answer.status == 202
    return str((await answer.json())["url"])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_reader_waits_a_moment_and_is_sent_to_the_living_source(
    service: Service, replicate: ReplicateStandIn, method: str
) -> None:
    url = await capturing(service, replicate)
    begun = time.monotonic()
    answer = await service.http.request(method, url, allow_redirects=False)

    assert 0.35 < time.monotonic() - begun < 1.5
    assert (answer.status, answer.headers["Location"]) == (307, put(replicate))
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_reader_who_follows_gets_the_picture(service: Service, replicate: ReplicateStandIn) -> None:
    url = await capturing(service, replicate)
    answer = await service.http.get(url)

    assert (answer.status, await answer.read()) == (200, pictures.png())


async def test_a_reader_who_comes_just_before_the_end_gets_the_image(
    service: Service, replicate: ReplicateStandIn
) -> None:
    url = await capturing(service, replicate, drip=0.07)
    answers = [await service.http.get(url, allow_redirects=False)]
    while answers[-1].status == 307:
        answers.append(await service.http.get(url, allow_redirects=False))

    assert answers[-1].status == 200
    assert await answers[-1].read() == pictures.png()
    assert "immutable" in answers[-1].headers["Cache-Control"]


async def test_a_promise_without_a_source_says_when_to_come_back(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=60)
    promise = await (await service.generate(wait=0)).json()
    answer = await service.http.get(promise["url"], allow_redirects=False)
    problem = await answer.json()

    assert (answer.status, problem["code"], problem["retryable"]) == (503, "still_capturing", True)
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_reader_of_a_promise_is_woken_by_its_fulfilment(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=60)
    promise = await (await service.generate(wait=0)).json()
    reading = asyncio.create_task(service.http.get(promise["url"], allow_redirects=False))
    replicate.advance(61)
    while (answer := await reading).status in {307, 503}:
        reading = asyncio.create_task(service.http.get(promise["url"], allow_redirects=False))

    assert answer.status == 200


async def test_an_image_that_is_being_captured_is_described_as_such(
    service: Service, replicate: ReplicateStandIn
) -> None:
    url = await capturing(service, replicate)
    info = await (await service.http.get(url.removesuffix(".png") + "/info")).json()

    assert (info["status"], info["sha256"], info["width"], info["hosted_at"]) == ("capturing", None, None, None)


async def test_what_is_deleted_while_it_is_captured_leaves_no_file(
    service: Service, replicate: ReplicateStandIn
) -> None:
    url = await capturing(service, replicate, drip=0.05)
    deleted = await service.http.delete(url.removesuffix(".png"))
    answer = await service.http.get(url)
    await service.graph.runner.stop(timedelta(seconds=10))

    assert (deleted.status, answer.status) == (204, 410)
    assert service.files() == []
    assert not list((service.folder / "images" / ".staging").iterdir())


async def test_an_importer_whose_image_is_deleted_meanwhile_is_told(
    service: Service, replicate: ReplicateStandIn
) -> None:
    url = await capturing(service, replicate)
    importing = asyncio.create_task(service.import_url(put(replicate)))
    await asyncio.sleep(0.05)
    await service.http.delete(url.removesuffix(".png"))
    answer = await importing

    assert (answer.status, (await answer.json())["code"]) == (410, "image_deleted")


async def test_all_readers_of_an_image_that_is_captured_get_it(service: Service, replicate: ReplicateStandIn) -> None:
    url = await capturing(service, replicate, drip=0.06)

    async def read() -> bytes:
        while True:
            answer = await service.http.get(url, allow_redirects=False)
            if answer.status == 200:
                return await answer.read()

    assert set(await asyncio.gather(*(read() for _ in range(10)))) == {pictures.png()}
    assert len(replicate.journal.select(host="delivery")) == 1

"""POST /v1/images/generate: nobody waits longer than they said, and a promised URL is kept."""

import time
from pathlib import Path

import pytest

from devkit.replicate import ApiFault, Behaviour, DeliveryFault, ReplicateStandIn
from tests.support import pictures
from tests.support.hurry import generation_settled
from tests.support.service import Service, serving

MODEL = "acme/painter"
SLOW = Behaviour(processing=60)
LATE = 0.6
"""Seconds that an answer may come late, on a busy machine."""


async def test_whoever_does_not_wait_gets_a_promise(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = SLOW
    begun = time.monotonic()
    answer = await service.generate(wait=0)
    promise = await answer.json()

    assert time.monotonic() - begun < LATE
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/generations/{promise['generation_id']}"
    assert promise["status"] == "starting"
    assert promise["url"] == promise["images"][0]["url"]
    assert promise["images"][0]["status"] == "capturing"


@pytest.mark.parametrize("wait", [0.5, 1], ids=str)
async def test_a_wait_is_kept(service: Service, replicate: ReplicateStandIn, wait: float) -> None:
    replicate.behaviours[MODEL] = SLOW
    begun = time.monotonic()
    answer = await service.generate(wait=wait)

    assert answer.status == 202
    assert wait <= time.monotonic() - begun + 0.05 < wait + LATE


@pytest.mark.parametrize(
    "fault",
    [ApiFault(on="get", hang=True), ApiFault(on="get", status=503), ApiFault(on="get", status=429)],
    ids=["hangs", "503", "429"],
)
async def test_a_poll_that_goes_wrong_makes_nobody_wait_longer(
    service: Service, replicate: ReplicateStandIn, fault: ApiFault
) -> None:
    replicate.behaviours[MODEL] = SLOW
    replicate.api_faults.add(fault, times=20)
    begun = time.monotonic()
    answer = await service.generate(wait=1)

    assert answer.status == 202
    assert time.monotonic() - begun < 1 + LATE


async def test_a_call_that_hangs_makes_nobody_wait_longer(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(ApiFault(on="create", hang=True, accepted=True))
    async with serving(tmp_path, replicate, SHUTDOWN_GRACE_SECONDS="0") as service:
        begun = time.monotonic()
        answer = await service.generate(wait=1)
        promise = await answer.json()

    assert time.monotonic() - begun < 1.3 + LATE
    assert (answer.status, promise["status"]) == (202, "starting")
    assert promise["url"] == promise["images"][0]["url"]


async def test_a_delivery_that_drips_makes_nobody_wait_longer(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.delivery_faults.add(DeliveryFault(drip=1))
    async with serving(tmp_path, replicate, SHUTDOWN_GRACE_SECONDS="0") as service:
        begun = time.monotonic()
        answer = await service.generate(wait=1)
        image = await answer.json()

    assert time.monotonic() - begun < 1.3 + LATE
    assert (answer.status, image["status"]) == (200, "capturing")
    assert image["replicate_url"] == replicate.predictions[0].files[0]


@pytest.mark.parametrize(
    ("content", "extension"),
    [(pictures.webp(), "webp"), (pictures.jpeg(), "jpg"), (pictures.gif(), "gif")],
    ids=["webp", "jpg", "gif"],
)
async def test_a_promised_url_never_changes(
    service: Service, replicate: ReplicateStandIn, content: bytes, extension: str
) -> None:
    replicate.behaviours[MODEL] = Behaviour(images=(content,), extension=extension, processing=0.3)
    promise = await (await service.generate(wait=0)).json()
    state = await generation_settled(service, promise["generation_id"])
    served = await service.http.get(promise["url"])

    assert promise["url"].endswith(".png")
    assert state["url"] == state["images"][0]["url"] == promise["url"]
    assert (served.status, await served.read()) == (200, content)
    assert service.files() == [f"{state['images'][0]['id']}.{extension}"]


async def test_a_promise_that_comes_to_nothing_is_rejected(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(ending="failed", error="no luck", processing=0.2)
    promise = await (await service.generate(wait=0)).json()
    state = await generation_settled(service, promise["generation_id"])
    served = await service.http.get(promise["url"])

    assert (state["status"], state["error"], state["error_code"]) == ("failed", "no luck", "generation_failed")
    assert state["images"][0]["status"] == "rejected"
    assert (served.status, (await served.json())["code"]) == (404, "image_unavailable")


@pytest.mark.parametrize("wait", [-1, 61, "5", None, True], ids=str)
async def test_a_wait_is_a_number_of_seconds_up_to_a_minute(
    service: Service, replicate: ReplicateStandIn, wait: object
) -> None:
    answer = await service.generate(wait=wait)

    assert answer.status == 422
    assert replicate.predictions == []


async def test_a_job_that_never_ends_is_called_off(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(ending="hibernating")
    promise = await (await service.generate(wait=0)).json()
    service.clock.advance(3601)
    state = await generation_settled(service, promise["generation_id"])

    assert state["status"] in {"canceled", "failed"}
    assert state["images"][0]["status"] == "rejected"
    assert replicate.journal.select(host="api", path="/cancel")

"""The service is stopped in the middle of its work and started again over the same folder: all of it is done, once."""

import asyncio
from pathlib import Path
from typing import Any

from devkit.replicate import ApiFault, Behaviour, DeliveryFault, ReplicateStandIn
from tests.support.delivered import put
from tests.support.service import Service, serving

MODEL = "acme/painter"
AT_ONCE = {"SHUTDOWN_GRACE_SECONDS": "0"}


async def images_of(service: Service, user: str = "ana") -> list[dict[str, Any]]:
    """Return the images of *user* once none is being captured."""
    async with asyncio.timeout(15):
        while True:
            page = await (await service.http.get(f"/v1/users/{user}/images?limit=200")).json()
            if page["images"] and all(image["status"] != "capturing" for image in page["images"]):
                return list(page["images"])
            await asyncio.sleep(0.02)


def staged(folder: Path) -> list[Path]:
    return list((folder / "images" / ".staging").iterdir())


async def delivering(replicate: ReplicateStandIn) -> None:
    async with asyncio.timeout(10):
        while not replicate.journal.select(host="delivery"):  # noqa: ASYNC110 (a journal wakes nobody)
            await asyncio.sleep(0.01)


async def test_a_download_that_was_interrupted_is_made_again(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.delivery_faults.add(DeliveryFault(drip=5))
    async with serving(tmp_path, replicate, **AT_ONCE) as service:
        before = await (await service.import_url(put(replicate), wait=0)).json()
        await delivering(replicate)
    assert staged(tmp_path) == []
    async with serving(tmp_path, replicate) as service:
        (image,) = await images_of(service)

        assert before["status"] == "capturing"
        assert (image["id"], image["status"]) == (before["id"], "stored")
        assert service.files() == [f"{image['id']}.png"]


async def test_a_job_that_ended_while_we_were_away_is_taken_in(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=60, pictures=2)
    async with serving(tmp_path, replicate, **AT_ONCE) as service:
        promise = await (await service.generate(wait=0)).json()
    replicate.advance(120)
    async with serving(tmp_path, replicate) as service:
        state = await service.settled(promise["generation_id"])

        assert [image["status"] for image in state["images"]] == ["stored", "stored"]
        assert state["images"][0]["id"] == promise["images"][0]["id"]
        assert len(service.files()) == 2


async def test_a_call_that_was_interrupted_is_not_made_again(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(ApiFault(on="create", hang=True, accepted=True))
    async with serving(tmp_path, replicate, **AT_ONCE) as service:
        promise = await (await service.generate(wait=0)).json()
    async with serving(tmp_path, replicate) as service:
        state = await service.settled(promise["generation_id"])

        assert state["prediction_id"] == replicate.predictions[0].id
        assert state["images"][0]["status"] == "stored"
        assert len(replicate.predictions) == len(service.files()) == 1


async def test_interrupted_calls_find_each_its_own_job(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(ApiFault(on="create", hang=True, accepted=True), times=6)
    async with serving(tmp_path, replicate, **AT_ONCE) as service:
        inputs = [{"prompt": f"{number // 2}"} for number in range(6)]
        answers = await asyncio.gather(*(service.generate(wait=0, input=one) for one in inputs))
        promises = [(await answer.json())["generation_id"] for answer in answers]
    async with serving(tmp_path, replicate) as service:
        states = [await service.settled(promise) for promise in promises]

        assert {state["prediction_id"] for state in states} == {job.id for job in replicate.predictions}
        assert {state["images"][0]["status"] for state in states} == {"stored"}
        assert len(service.files()) == 6


async def test_a_job_that_never_was_is_given_up_aloud(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.api_faults.add(ApiFault(on="create", hang=True))
    async with serving(tmp_path, replicate, **AT_ONCE) as service:
        promise = await (await service.generate(wait=0)).json()
    replicate.advance(700)
    async with serving(tmp_path, replicate) as service:
        state = await service.settled(promise["generation_id"])

    assert (state["status"], state["error_code"]) == ("failed", "not_started")
    assert state["images"][0]["status"] == "rejected"


async def test_imports_under_way_converge(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.delivery_faults.add(DeliveryFault(drip=5), times=5)
    async with serving(tmp_path, replicate, **AT_ONCE) as service:
        for number in range(12):
            await service.import_url(put(replicate, f"/{number}/out.png"), wait=0)
    async with serving(tmp_path, replicate) as service:
        images = await images_of(service)

        assert [image["status"] for image in images] == ["stored"] * 12
        assert len(service.files()) == 12
    assert staged(tmp_path) == []


async def test_whoever_waits_while_we_stop_is_answered(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(processing=60)
    async with serving(tmp_path, replicate, **AT_ONCE) as service:
        waiting = asyncio.create_task(service.generate(wait=30))
        await replicate.arrived()
        service.graph.signals.stop()
        answer = await asyncio.wait_for(waiting, 3)

    assert answer.status == 202


async def test_an_idempotency_key_outlives_us(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    body = {"user_id": "ana", "model": MODEL, "input": {}}
    key = {"headers": {"Idempotency-Key": "k-1"}}
    async with serving(tmp_path, replicate) as service:
        first = await (await service.post("/v1/images/generate", body, **key)).json()
    async with serving(tmp_path, replicate) as service:
        again = await (await service.post("/v1/images/generate", body, **key)).json()

    assert again["id"] == first["id"]
    assert len(replicate.predictions) == 1

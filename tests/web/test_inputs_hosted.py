"""Large pictures in an input: the provider gets an address that lives as long as the generation does."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devkit.fal import Behaviour as FalBehaviour
from devkit.fal import Conduct, FalStandIn
from devkit.replicate import ApiFault, Behaviour, ReplicateStandIn
from tests.support import hostile_pictures as hostile
from tests.support import pictures
from tests.support.beside_fal import MODEL, beside, reachable
from tests.support.ports import free_port
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.uploading import post_json

LARGE = pictures.noise_png(400 * 1024)
SMALL = pictures.png()


@pytest.fixture
async def service(tmp_path: Path, fal: FalStandIn) -> AsyncIterator[Service]:
    async with reachable(tmp_path, fal) as running:
        yield running


def kept(service: Service) -> int:
    """Return how many temporary images there are."""
    folder = service.folder / "temporary"
    return sum(len(found.name) == 36 for found in folder.iterdir())


async def start(service: Service, fal: FalStandIn, **more: Any) -> Any:
    """Begin a generation that goes on until it is ended, with a large picture."""
    fal.behaviours[MODEL] = FalBehaviour(running=3600)
    asked = {"prompt": "a fox", "image_url": data_uri(LARGE)}
    return await service.generate(provider="fal", model=MODEL, wait=0, input=asked, **more)


async def test_a_large_picture_becomes_an_address_that_serves_it(service: Service, fal: FalStandIn) -> None:
    await start(service, fal)
    url = fal.requests[0].input["image_url"]

    assert url.startswith(f"{service.url}/api/images/")
    assert await (await service.http.get(url)).read() == LARGE


async def test_it_can_lie_anywhere_in_the_input_and_twice(service: Service, fal: FalStandIn) -> None:
    text = data_uri(LARGE)
    body = {"user_id": "ana", "provider": "fal", "model": MODEL, "wait": 0}
    await post_json(service, "/v1/images/generate", body | {"input": {"a": [{"b": text}, text], "c": 1, "d": None}})
    sent = fal.requests[0].input

    assert sent["a"][0]["b"] == sent["a"][1] != text
    assert (sent["c"], sent["d"]) == (1, None)


async def test_small_pictures_and_addresses_are_sent_as_they_are(service: Service, fal: FalStandIn) -> None:
    asked = {"image_url": data_uri(SMALL), "other_url": "https://example.com/a.png"}
    await service.generate(provider="fal", model=MODEL, input=asked)
    assert fal.requests[0].input == asked
    assert kept(service) == 0


async def test_it_is_gone_once_the_generation_has_ended(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = FalBehaviour(fetches=True)
    image = await (await service.generate(provider="fal", model=MODEL, input={"image_url": data_uri(LARGE)})).json()

    assert image["status"] == "stored"
    assert (kept(service), (await service.http.get(fal.requests[0].input["image_url"])).status) == (0, 404)


async def test_it_is_gone_once_the_generation_has_failed(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = FalBehaviour(status=422, detail="no")
    await service.generate(provider="fal", model=MODEL, input={"image_url": data_uri(LARGE)})
    assert kept(service) == 0


async def test_it_is_gone_when_nothing_but_the_status_tells_of_a_failure(tmp_path: Path) -> None:
    behaviour = FalBehaviour(error="boom", error_type="internal_error", status=500, detail="500")
    async with FalStandIn(behaviour=behaviour, conduct=Conduct(lost=True)) as fal, reachable(tmp_path, fal) as service:
        answer = await service.generate(provider="fal", model=MODEL, input={"image_url": data_uri(LARGE)})
        problem = await problem_of(answer, status=502, code="generation_failed")
        assert (problem["detail"], kept(service)) == ("boom", 0)


async def test_it_is_gone_once_the_generation_is_cancelled(service: Service, fal: FalStandIn) -> None:
    promise = await (await start(service, fal)).json()
    assert kept(service) == 1
    await service.http.delete(f"/v1/generations/{promise['generation_id']}")
    assert kept(service) == 0


@pytest.mark.parametrize("status", [429, 402, 400], ids=str)
async def test_it_is_gone_when_nothing_was_started(service: Service, fal: FalStandIn, status: int) -> None:
    fal.api_faults.add(ApiFault(on="submit", status=status))
    await start(service, fal)
    assert kept(service) == 0


async def test_it_is_gone_when_the_generation_ended_while_nobody_ran(tmp_path: Path, fal: FalStandIn) -> None:
    async with reachable(tmp_path, fal) as before:
        promise = await (await start(before, fal)).json()
        assert kept(before) == 1
    fal.advance(3601)
    async with reachable(tmp_path, fal) as after:
        await after.settled(promise["generation_id"])
        assert kept(after) == 0


async def test_it_is_gone_when_the_owner_is_erased(service: Service, fal: FalStandIn) -> None:
    await start(service, fal)
    await service.http.delete("/v1/users/ana")
    assert kept(service) == 0


async def test_a_broken_picture_is_refused_before_anything_is_started(service: Service, fal: FalStandIn) -> None:
    text = data_uri(LARGE[:-2000])
    answer = await service.generate(provider="fal", model=MODEL, input={"image_url": text})
    problem = await problem_of(answer, status=422, code="source_rejected")

    assert problem["field"] == "input.image_url"
    assert (fal.requests, kept(service)) == ([], 0)


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'>" + b" " * 400 * 1024 + b"</svg>"
REFUSED = {
    "svg": (f"data:image/svg+xml;base64,{b64encode(SVG).decode()}", "type_not_allowed"),
    "svg without base64": (f"data:image/svg+xml,{SVG.decode()}", "type_not_allowed"),
    "svg as png": (data_uri(SVG), "unsupported_format"),
    "html as png": (data_uri(hostile.HTML + bytes(300 * 1024)), "not_an_image"),
    "tiff": (data_uri(LARGE).replace("image/png", "image/tiff"), "type_not_allowed"),
    "not base64": ("data:image/png;base64," + "!" * 400_000, "not_base64"),
    "png as text": (data_uri(LARGE).replace(";base64,", ","), "not_base64"),
    "jpeg as png": (data_uri(pictures.jpeg(4000, 3000, seed=1)), "type_mismatch"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
async def test_a_large_one_that_only_calls_itself_a_picture_is_refused(
    service: Service, fal: FalStandIn, text: str, reason: str
) -> None:
    body = {"user_id": "ana", "provider": "fal", "model": MODEL, "input": {"a": {"b": text}}}
    answer = await post_json(service, "/v1/images/generate", body)
    problem = await problem_of(answer, status=422, code="source_rejected")

    assert (problem["field"], problem["reason"]) == ("input.a.b", reason)
    assert (fal.requests, kept(service)) == ([], 0)


async def test_without_an_address_of_our_own_it_is_sent_as_it_is(tmp_path: Path, fal: FalStandIn) -> None:
    asked = {"image_url": data_uri(LARGE)}
    async with beside(tmp_path, fal) as service:
        await service.generate(provider="fal", model=MODEL, input=asked)
    assert fal.requests[0].input == asked


async def test_without_an_address_of_our_own_too_much_is_refused(tmp_path: Path, fal: FalStandIn) -> None:
    asked = {"image_url": data_uri(bytes(8_000_000))}
    body = {"user_id": "ana", "provider": "fal", "model": MODEL, "input": asked}
    async with beside(tmp_path, fal) as service:
        answer = await post_json(service, "/v1/images/generate", body)
        await problem_of(answer, status=413, code="too_large")
    assert fal.requests == []


async def test_the_same_key_finds_the_same_generation(service: Service, fal: FalStandIn) -> None:
    body = {"user_id": "ana", "provider": "fal", "model": MODEL, "input": {"image_url": data_uri(LARGE)}}
    headers = {"Idempotency-Key": "k"}
    first, again = [await (await service.post("/v1/images/generate", body, headers=headers)).json() for _ in range(2)]

    assert first["generation_id"] == again["generation_id"]
    assert (len(fal.requests), kept(service)) == (1, 0)


async def test_it_is_the_same_with_replicate(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    port = str(free_port())
    replicate.behaviours["acme/painter"] = Behaviour(processing=3600)
    known = {"REPLICATE_WEBHOOK_SECRET": replicate.webhook_secret, "SHUTDOWN_GRACE_SECONDS": "0"}
    async with serving(tmp_path, replicate, PORT=port, PUBLIC_BASE_URL=f"http://127.0.0.1:{port}", **known) as service:
        promise = await (await service.generate(wait=0, input={"image": data_uri(LARGE)})).json()
        await replicate.arrived()
        (call,) = replicate.journal.select(host="api", method="POST")
        served = await service.http.get(json.loads(call.body)["input"]["image"])
        assert (await served.read(), kept(service)) == (LARGE, 1)
        await service.http.delete(f"/v1/generations/{promise['generation_id']}")
        assert kept(service) == 0


async def test_a_lost_answer_is_found_in_the_list_whatever_was_sent(
    tmp_path: Path, replicate: ReplicateStandIn
) -> None:
    port = str(free_port())
    replicate.api_faults.add(ApiFault(on="create", drop=True, accepted=True))
    known = {"REPLICATE_WEBHOOK_SECRET": replicate.webhook_secret, "SHUTDOWN_GRACE_SECONDS": "0"}
    async with serving(tmp_path, replicate, PORT=port, PUBLIC_BASE_URL=f"http://127.0.0.1:{port}", **known) as service:
        image = await (await service.generate(input={"image": data_uri(LARGE)})).json()
    assert image["status"] == "stored"
    assert len(replicate.predictions) == 1

"""POST /api/generate: pictures on allowed hosts are handed to a model at fal, and what it makes is hosted."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from devkit.delivery import Deliverable
from devkit.delivery_faults import DeliveryFault
from devkit.fal import Behaviour, FalStandIn
from tests.support import pictures
from tests.support.beside_fal import MODEL, reachable
from tests.support.problems import problem_of
from tests.support.service import Service

PATH = "/api/generate"


@pytest.fixture
async def service(tmp_path: Path, fal: FalStandIn) -> AsyncIterator[Service]:
    fal.behaviours[MODEL] = Behaviour(fetches=True)
    async with reachable(tmp_path, fal) as running:
        yield running


def put(fal: FalStandIn, path: str = "/in.png", *, content: bytes | None = None, kind: str = "image/png") -> str:
    """Put a picture where fal's own files lie and return its URL."""
    found = pictures.png() if content is None else content
    file = Deliverable(content=found, content_type=kind, modified=fal.clock(), is_alive=lambda: True)
    fal.delivery.put(path, file)
    return fal.delivery_url + path


async def forward(service: Service, **more: Any) -> ClientResponse:
    return await service.post(PATH, {"user_id": "ana", "model": MODEL, "wait": 20, **more})


def received(fal: FalStandIn) -> dict[str, Any]:
    found: dict[str, Any] = fal.requests[-1].input
    return found


async def test_a_picture_goes_to_the_model_and_what_it_makes_is_hosted(service: Service, fal: FalStandIn) -> None:
    url = put(fal)
    answer = await forward(service, input={"prompt": "at night"}, imageUrl=url)
    state = await answer.json()

    assert (answer.status, state["status"]) == (200, "succeeded")
    assert received(fal) == {"prompt": "at night", "image_url": url}
    assert state["url"] == state["images"][0]["url"]
    assert await (await service.http.get(state["url"])).read() == fal.requests[0].contents[0]


async def test_each_kind_of_picture_lands_under_its_name(service: Service, fal: FalStandIn) -> None:
    one, two, three, four, five = (put(fal, f"/{number}.png") for number in range(5))
    await forward(
        service,
        imageUrl=one,
        referenceImages=[two, three],
        inputs=[{"url": four, "name": "mask_url"}, {"url": five}],
    )
    assert received(fal) == {"image_url": one, "image_urls": [two, three, five], "mask_url": four}


async def test_a_name_in_the_plural_gets_a_list(service: Service, fal: FalStandIn) -> None:
    url = put(fal)
    await forward(service, inputs=[{"url": url, "name": "reference_image_urls"}])
    assert received(fal) == {"reference_image_urls": [url]}


async def test_without_waiting_it_is_a_promise_that_can_be_asked_for(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(running=2)
    answer = await service.post(PATH, {"user_id": "ana", "model": MODEL})
    promise = await answer.json()
    asked = await service.http.get(answer.headers["Location"])
    await service.settled(promise["generation_id"])
    ended = await (await service.http.get(f"{PATH}/{promise['generation_id']}")).json()

    assert (answer.status, asked.status) == (202, 200)
    assert (ended["status"], ended["url"]) == ("succeeded", promise["url"])


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.png",
        "http://169.254.169.254/latest",
        "https://127.0.0.1@evil.example/a.png",
        "data:image/png;base64,AAAA",
        "ftp://127.0.0.1/a.png",
    ],
    ids=["another host", "metadata", "credentials", "data", "ftp"],
)
async def test_what_is_not_allowed_is_refused_in_the_same_words(service: Service, fal: FalStandIn, url: str) -> None:
    good = put(fal)
    problem = await problem_of(
        await forward(service, referenceImages=[good, url]), status=422, code="source_not_allowed"
    )

    assert (problem["detail"], problem["field"]) == ("That source is not allowed.", "referenceImages.1")
    assert fal.requests == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"imageUrl": "https://evil.example/a"}, "imageUrl"),
        ({"inputs": [{"url": "https://evil.example/a"}]}, "inputs.0.url"),
        ({"input": {"image_url": "https://evil.example/a"}}, "input.image_url"),
        ({"input": {"shots": [{"mask_image_urls": ["https://evil.example/a"]}]}}, "input.shots.0.mask_image_urls.0"),
    ],
    ids=["imageUrl", "inputs", "input", "deep in input"],
)
async def test_the_refusal_names_the_field(service: Service, body: dict[str, Any], field: str) -> None:
    problem = await problem_of(await forward(service, **body), status=422, code="source_not_allowed")
    assert problem["field"] == field


async def test_a_picture_is_looked_at_once_and_believed_for_a_while(service: Service, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour()
    url = put(fal)
    for _ in range(3):
        await forward(service, imageUrl=url)
    assert len(fal.journal.select(host="delivery", method="HEAD")) == 1


async def test_a_host_that_refuses_head_is_asked_for_a_byte(service: Service, fal: FalStandIn) -> None:
    url = put(fal)
    fal.delivery.faults.add(DeliveryFault(path="in.png", status=405))
    assert (await forward(service, imageUrl=url)).status == 200
    asked = fal.journal.select(host="delivery", path="in.png")[1]
    assert (asked.method, asked.headers["Range"]) == ("GET", "bytes=0-0")


@pytest.mark.parametrize(
    ("fault", "status", "code", "word"),
    [
        (DeliveryFault(status=404), 502, "source_gone", "does not have"),
        (DeliveryFault(status=503), 502, "source_unavailable", "503"),
        (DeliveryFault(content_type="text/html"), 422, "source_rejected", "no picture"),
        (DeliveryFault(content_type="image/svg+xml"), 422, "source_rejected", "no picture"),
        (DeliveryFault(padding=26 * 2**20), 422, "source_rejected", "larger"),
        (DeliveryFault(redirect_to="https://evil.example/"), 422, "source_not_allowed", "not allowed"),
    ],
    ids=["gone", "down", "a page", "svg", "too large", "redirected away"],
)
async def test_a_picture_that_fal_could_not_use_is_refused_before_it_is_asked(
    service: Service, fal: FalStandIn, fault: DeliveryFault, status: int, code: str, word: str
) -> None:
    good, bad = put(fal), put(fal, "/bad.png")
    fal.delivery.faults.add(replace(fault, path="bad.png"), times=2)
    problem = await problem_of(await forward(service, imageUrl=good, referenceImages=[bad]), status=status, code=code)

    assert problem["field"] == "referenceImages.0"
    assert word in problem["detail"]
    assert fal.requests == []


async def test_an_image_of_ours_is_not_asked_for_but_fetched_by_fal(service: Service, fal: FalStandIn) -> None:
    made = await (await service.generate(provider="fal", model=MODEL)).json()
    state = await (await forward(service, imageUrl=made["url"])).json()

    assert state["status"] == "succeeded"
    assert received(fal) == {"image_url": made["url"]}


async def test_under_signed_access_fal_gets_a_link_that_opens(tmp_path: Path, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(fetches=True)
    async with reachable(tmp_path, fal, IMAGE_ACCESS="signed") as service:
        made = await (await service.generate(provider="fal", model=MODEL)).json()
        state = await (await forward(service, imageUrl=made["url"])).json()

    assert state["status"] == "succeeded"
    assert "signature=" in received(fal)["image_url"]


async def test_a_host_can_be_allowed_for_inputs_alone(tmp_path: Path, fal: FalStandIn) -> None:
    sources = fal.queue_url.removeprefix("http://")
    extra = fal.delivery_url.removeprefix("http://")
    async with reachable(tmp_path, fal, SOURCE_HOST_ALLOWLIST=sources) as strict:
        await problem_of(await forward(strict, imageUrl=put(fal)), status=422, code="source_not_allowed")
    (tmp_path / "b").mkdir()
    async with reachable(tmp_path / "b", fal, SOURCE_HOST_ALLOWLIST=sources, ASSET_HOST_ALLOWLIST=extra) as lenient:
        assert (await forward(lenient, imageUrl=put(fal), wait=0)).status == 202


async def test_the_models_own_name_is_not_given_twice(service: Service, fal: FalStandIn) -> None:
    url = put(fal)
    problem = await problem_of(
        await forward(service, imageUrl=url, input={"image_url": url}), status=422, code="invalid_request"
    )
    assert problem["field"] == "imageUrl"


async def test_the_same_key_runs_the_model_once(service: Service, fal: FalStandIn) -> None:
    body = {"user_id": "ana", "model": MODEL, "imageUrl": put(fal), "wait": 20}
    answers = [await (await service.post(PATH, body, headers={"Idempotency-Key": "k"})).json() for _ in range(2)]

    assert answers[0]["generation_id"] == answers[1]["generation_id"]
    assert len(fal.requests) == 1


async def test_a_repeated_request_does_not_mind_that_its_picture_has_gone(service: Service, fal: FalStandIn) -> None:
    body = {"user_id": "ana", "model": MODEL, "imageUrl": put(fal), "wait": 20}
    first = await (await service.post(PATH, body, headers={"Idempotency-Key": "k"})).json()
    fal.delivery.faults.add(DeliveryFault(path="in.png", status=404), times=9)
    service.graph.adapters.probe._good.clear()
    again = await service.post(PATH, body, headers={"Idempotency-Key": "k"})

    assert again.status == 200
    assert (await again.json())["generation_id"] == first["generation_id"]


async def test_a_key_is_for_one_request(service: Service) -> None:
    body = {"user_id": "ana", "model": MODEL, "wait": 20}
    await service.post(PATH, body, headers={"Idempotency-Key": "k"})
    other = await service.post(PATH, body | {"imageUrl": "https://evil.example/"}, headers={"Idempotency-Key": "k"})
    await problem_of(other, status=422, code="idempotency_key_reused")


async def test_more_pictures_than_a_model_takes_are_refused(service: Service, fal: FalStandIn) -> None:
    url = put(fal)
    answer = await forward(service, imageUrl=url, referenceImages=[url] * 32)
    await problem_of(answer, status=422, code="invalid_request")


async def test_without_a_key_for_fal_it_says_so(tmp_path: Path, fal: FalStandIn) -> None:
    async with reachable(tmp_path, fal, FAL_KEY="") as service:
        await problem_of(await forward(service), status=503, code="provider_not_configured")


async def test_somebody_elses_is_not_there(tmp_path: Path, fal: FalStandIn) -> None:
    key = {"Authorization": "Bearer " + "s" * 20}
    async with reachable(tmp_path, fal, API_KEYS="s" * 20) as service:
        body = {"user_id": "ana", "model": MODEL, "wait": 20}
        made = await (await service.post(PATH, body, headers=key)).json()
        token = await (await service.post("/v1/tokens", {"user_id": "bob"}, headers=key)).json()
        asked = await service.http.get(
            f"{PATH}/{made['generation_id']}", headers={"Authorization": f"Bearer {token['token']}"}
        )
    await problem_of(asked, status=404, code="not_found")


async def test_the_body_is_exactly_what_fal_was_sent(service: Service, fal: FalStandIn) -> None:
    url = put(fal)
    await forward(service, input={"seed": 17454220438242315174}, imageUrl=url)
    (call,) = fal.journal.select(host="queue", method="POST")
    assert json.loads(call.body) == {"seed": 17454220438242315174, "image_url": url}

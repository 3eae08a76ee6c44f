"""POST /v1/images/generate: what comes back for whatever a model puts out."""

import hashlib
import json
from typing import Any

import pytest

from devkit.pictures import picture
from devkit.replicate import Behaviour, ReplicateStandIn, Shape, Sync
from tests.support import pictures
from tests.support.hurry import generation_settled
from tests.support.service import Service

MODEL = "acme/painter"
VERSION = "7" * 64
MEMBERS = {
    *("id", "user_id", "url", "status", "source", "content_type", "width", "height", "size_bytes", "sha256"),
    *("thumbhash", "created_at", "hosted_at", "expires_at", "provider", "prediction_id", "replicate_url", "metadata"),
}


async def body_of(service: Service, url: str) -> bytes:
    answer = await service.http.get(url)
    assert answer.status == 200
    return await answer.read()


async def test_the_answer_is_the_document_of_the_first_image(service: Service, replicate: ReplicateStandIn) -> None:
    answer = await service.generate()
    image = await answer.json()

    assert answer.status == 200
    assert set(image) == MEMBERS | {"generation_id", "images"}
    assert set(image["images"][0]) == MEMBERS
    assert {**image["images"][0], "generation_id": 0, "images": 0} == {**image, "generation_id": 0, "images": 0}
    assert image["source"] == "generated"
    assert image["provider"] == "replicate"
    assert image["prediction_id"] == replicate.predictions[0].id
    assert image["replicate_url"] == replicate.predictions[0].files[0]


async def test_what_is_measured_is_true_of_the_bytes(service: Service) -> None:
    image = await (await service.generate()).json()
    served = await body_of(service, image["url"])

    assert image["size_bytes"] == len(served)
    assert image["sha256"] == hashlib.sha256(served).hexdigest()
    assert (image["width"], image["height"], image["content_type"]) == (256, 256, "image/png")
    assert image["id"].startswith("img_")
    assert image["generation_id"].startswith("gen_")
    assert service.files() == [f"{image['id']}.png"]


async def test_a_model_is_run_by_its_name(service: Service, replicate: ReplicateStandIn) -> None:
    await service.generate(model="acme/painter", input={"prompt": "a cat", "steps": 4})

    (call,) = replicate.journal.select(host="api", method="POST")
    assert call.path == "/v1/models/acme/painter/predictions"
    assert json.loads(call.body) == {"input": {"prompt": "a cat", "steps": 4}}


async def test_a_model_is_run_by_its_version(service: Service, replicate: ReplicateStandIn) -> None:
    answer = await service.post("/v1/images/generate", {"user_id": "ana", "version": VERSION, "input": {}})

    (call,) = replicate.journal.select(host="api", method="POST")
    assert answer.status == 200
    assert call.path == "/v1/predictions"
    assert json.loads(call.body)["version"] == VERSION


@pytest.mark.parametrize("which", [{}, {"model": MODEL, "version": VERSION}], ids=["neither", "both"])
async def test_either_a_model_or_a_version_is_asked_for(
    service: Service, replicate: ReplicateStandIn, which: dict[str, str]
) -> None:
    answer = await service.post("/v1/images/generate", {"user_id": "ana", "input": {}, **which})

    assert answer.status == 422
    assert replicate.predictions == []


async def test_a_provider_nobody_knows_is_refused(service: Service, replicate: ReplicateStandIn) -> None:
    answer = await service.generate(provider="midjourney")

    assert answer.status == 422
    assert (await answer.json())["field"] == "provider"
    assert replicate.predictions == []


@pytest.mark.parametrize("shape", [Shape.STRING, Shape.LIST, Shape.DICT, Shape.NESTED, Shape.GROWING])
async def test_a_file_is_found_in_every_shape_of_output(
    service: Service, replicate: ReplicateStandIn, shape: Shape
) -> None:
    replicate.behaviours[MODEL] = Behaviour(shape=shape)
    answer = await service.generate()
    image = await answer.json()

    assert (answer.status, image["status"]) == (200, "stored")
    assert await body_of(service, image["url"]) == replicate.predictions[0].contents[0]


@pytest.mark.parametrize("sync", list(Sync))
async def test_every_way_of_answering_a_synchronous_call_ends_stored(
    service: Service, replicate: ReplicateStandIn, sync: Sync
) -> None:
    replicate.behaviours[MODEL] = Behaviour(sync=sync)
    answer = await service.generate()
    image = await answer.json()

    assert (answer.status, image["status"]) == (200, "stored")
    assert await body_of(service, image["url"]) == replicate.predictions[0].contents[0]
    assert len(service.files()) == 1


async def test_outputs_inside_the_answer_are_stored_too(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(inline=True, pictures=2)
    image = await (await service.generate()).json()

    assert [one["status"] for one in image["images"]] == ["stored", "stored"]
    assert image["replicate_url"] is None
    assert image["url"].endswith(".png")
    assert await body_of(service, image["images"][1]["url"]) == replicate.predictions[0].contents[1]


@pytest.mark.parametrize("shape", [Shape.LIST, Shape.DICT, Shape.NESTED, Shape.GROWING])
async def test_several_outputs_keep_their_order(service: Service, replicate: ReplicateStandIn, shape: Shape) -> None:
    replicate.behaviours[MODEL] = Behaviour(shape=shape, pictures=5)
    image = await (await service.generate()).json()

    served = [await body_of(service, one["url"]) for one in image["images"]]
    assert served == list(replicate.predictions[0].contents)
    assert image["id"] == image["images"][0]["id"]
    assert len(service.files()) == 5


async def test_a_growing_output_is_taken_whole(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(shape=Shape.GROWING, pictures=3, processing=0.6)
    promise = await (await service.generate(wait=0)).json()
    state = await generation_settled(service, promise["generation_id"])

    assert [one["status"] for one in state["images"]] == ["stored"] * 3


@pytest.mark.parametrize("shape", [Shape.NULL, Shape.TEXT])
async def test_an_output_without_a_file_is_a_failure(
    service: Service, replicate: ReplicateStandIn, shape: Shape
) -> None:
    replicate.behaviours[MODEL] = Behaviour(shape=shape)
    answer = await service.generate()
    problem = await answer.json()

    assert (answer.status, problem["code"]) == (502, "generation_failed")
    assert service.files() == []


@pytest.mark.parametrize(
    ("extension", "content", "content_type"),
    [
        ("png", picture("p"), "image/png"),
        ("jpg", pictures.jpeg(), "image/jpeg"),
        ("webp", pictures.webp(), "image/webp"),
        ("gif", pictures.gif(), "image/gif"),
        ("avif", pictures.avif(), "image/avif"),
    ],
    ids=["png", "jpg", "webp", "gif", "avif"],
)
async def test_the_url_carries_the_extension_of_its_source(
    service: Service, replicate: ReplicateStandIn, extension: str, content: bytes, content_type: str
) -> None:
    replicate.behaviours[MODEL] = Behaviour(images=(content,), extension=extension)
    image = await (await service.generate()).json()
    served = await service.http.get(image["url"])

    assert image["url"].endswith(f"/{image['id']}.{extension}")
    assert served.headers["Content-Type"] == content_type
    assert await served.read() == content
    assert service.files() == [f"{image['id']}.{extension}"]


async def test_the_type_is_that_of_the_bytes_whatever_their_label(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.behaviours[MODEL] = Behaviour(images=(pictures.webp(),), content_type="application/octet-stream")
    image = await (await service.generate()).json()
    served = await service.http.get(image["url"])

    assert image["url"].endswith(".png")
    assert image["content_type"] == served.headers["Content-Type"] == "image/webp"
    assert service.files() == [f"{image['id']}.webp"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"tür": "grün", "emoji": "🦊", "null": None, "deep": {"b": [1, {"a": 2.5}], "a": []}},
        {"big": 2**70, "negative": -(2**63) - 1, "float": 0.1, "true": True},
        {"z": 1, "a": 2, "m": {"y": 1, "b": 2}},
        {},
    ],
    ids=["unicode", "big numbers", "order", "nothing"],
)
async def test_metadata_comes_back_as_it_was_given(service: Service, metadata: dict[str, Any]) -> None:
    image = json.loads(await (await service.generate(metadata=metadata)).text())
    info = json.loads(await (await service.http.get(f"/v1/images/hosted/ana/{image['id']}/info")).text())
    state = json.loads(await (await service.http.get(f"/v1/generations/{image['generation_id']}")).text())

    for found in (image["metadata"], image["images"][0]["metadata"], info["metadata"], state["metadata"]):
        assert json.dumps(found) == json.dumps(metadata)


async def test_an_input_reaches_the_model_as_it_is(service: Service, replicate: ReplicateStandIn) -> None:
    wanted = {"prompt": "ein Fuchs 🦊", "seed": 17454220438242315174, "nested": {"z": None, "a": [0.1]}}
    answer = await service.generate(input=wanted)

    assert answer.status == 200
    assert json.dumps(replicate.predictions[0].input) == json.dumps(wanted)


async def test_half_a_character_is_refused_rather_than_altered(service: Service) -> None:
    answer = await service.generate(metadata={"lone": "\ud800"})

    assert answer.status == 400
    assert (await answer.json())["code"] == "malformed_body"


async def test_a_job_is_to_be_canceled_when_it_takes_too_long(service: Service, replicate: ReplicateStandIn) -> None:
    await service.generate()

    (call,) = replicate.journal.select(host="api", method="POST")
    assert call.headers["Cancel-After"] == "3600s"
    assert call.headers["Prefer"] == "wait=60"


async def test_a_download_carries_no_key(service: Service, replicate: ReplicateStandIn) -> None:
    await service.generate()

    (download,) = replicate.journal.select(host="delivery")
    assert "Authorization" not in download.headers

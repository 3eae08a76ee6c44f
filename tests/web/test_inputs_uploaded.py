"""FAL_USE_UPLOAD: inputs lie in fal's own storage, so fal need not reach us."""

from pathlib import Path
from typing import Any

from devkit.fal import ApiFault, Behaviour, FalStandIn
from tests.support import pictures
from tests.support.beside_fal import MODEL, beside, reachable
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.sources import data_uri

ON = {"FAL_USE_UPLOAD": "true"}


async def generate(service: Service, **model_input: Any) -> Any:
    return await service.generate(provider="fal", model=MODEL, input=model_input)


async def test_pictures_in_the_input_are_put_into_the_storage(tmp_path: Path, fal: FalStandIn) -> None:
    fal.behaviours[MODEL] = Behaviour(fetches=True)
    async with reachable(tmp_path, fal, **ON) as service:
        image = await (await generate(service, image_url=data_uri(pictures.png()))).json()

    (upload,) = fal.uploads
    assert image["status"] == "stored"
    assert (upload.content, upload.content_type) == (pictures.png(), "image/png")
    assert fal.requests[0].input == {"image_url": upload.url}
    assert upload.url.endswith(".png")


async def test_an_image_of_ours_is_uploaded(tmp_path: Path, fal: FalStandIn) -> None:
    async with reachable(tmp_path, fal, **ON) as service:
        made = await (await generate(service, prompt="a fox")).json()
        body = {"user_id": "ana", "model": MODEL, "imageUrl": made["url"], "wait": 20}
        await service.post("/api/generate", body)

    (upload,) = fal.uploads
    assert upload.content == fal.requests[0].contents[0]
    assert fal.requests[1].input == {"image_url": upload.url}


async def test_somebody_elses_image_is_not(tmp_path: Path, fal: FalStandIn) -> None:
    async with reachable(tmp_path, fal, **ON) as service:
        made = await (await generate(service, prompt="a fox")).json()
        body = {"user_id": "bob", "model": MODEL, "imageUrl": made["url"], "wait": 20}
        await service.post("/api/generate", body)

    assert fal.uploads == []
    assert fal.requests[1].input == {"image_url": made["url"]}


async def test_a_temporary_image_is_uploaded(tmp_path: Path, fal: FalStandIn) -> None:
    async with reachable(tmp_path, fal, **ON) as service:
        held = await (
            await service.post("/api/images", {"user_id": "ana", "data_url": data_uri(pictures.png())})
        ).json()
        await generate(service, image_url=held["url"])
    assert [upload.content for upload in fal.uploads] == [pictures.png()]


async def test_a_service_nobody_reaches_can_upload_its_own(tmp_path: Path, fal: FalStandIn) -> None:
    delivery = fal.delivery_url.removeprefix("http://")
    async with beside(tmp_path, fal, SOURCE_HOST_ALLOWLIST=delivery, **ON) as service:
        made = await (await generate(service, prompt="a fox")).json()
        body = {"user_id": "ana", "model": MODEL, "imageUrl": made["url"], "wait": 20}
        await service.post("/api/generate", body)
    assert [upload.content for upload in fal.uploads] == [fal.requests[0].contents[0]]


async def test_the_key_goes_with_the_announcement_alone(tmp_path: Path, fal: FalStandIn) -> None:
    async with reachable(tmp_path, fal, **ON) as service:
        await generate(service, image_url=data_uri(pictures.png()))
    announced, put = (fal.journal.select(host="rest", method=method) for method in ("POST", "PUT"))

    assert [call.headers["Authorization"] for call in announced] == [f"Key {fal.key}"]
    assert ["Authorization" in call.headers for call in put] == [False]
    assert announced[0].query == {"storage_type": "fal-cdn-v3"}


async def test_a_storage_that_fails_starts_nothing(tmp_path: Path, fal: FalStandIn) -> None:
    fal.api_faults.add(ApiFault(on="put", status=503))
    async with reachable(tmp_path, fal, **ON) as service:
        problem = await problem_of(
            await generate(service, image_url=data_uri(pictures.png())), status=502, code="generation_failed"
        )
    assert problem["retryable"] is True
    assert fal.requests == []

"""POST /v1/images/import: one image at an expiring URL, hosted once however often and by whatever way it is named."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.replicate import DeliveryFault, ReplicateStandIn
from tests.support import pictures
from tests.support.delivered import put
from tests.support.hurry import image_settled
from tests.support.service import Service, serving

HOSTED = "/v1/images/hosted/ana"


async def test_a_new_source_is_stored_and_answered_with_201(service: Service, replicate: ReplicateStandIn) -> None:
    url = put(replicate)
    answer = await service.import_url(url, metadata={"note": "ä"})
    image = await answer.json()
    served = await service.http.get(image["url"])

    assert answer.status == 201
    assert answer.headers["Location"] == image["url"]
    assert (image["status"], image["source"], image["replicate_url"]) == ("stored", "imported", url)
    assert (image["provider"], image["prediction_id"], image["metadata"]) == (None, None, {"note": "ä"})
    assert await served.read() == pictures.png()


async def test_the_same_source_again_is_the_same_image(service: Service, replicate: ReplicateStandIn) -> None:
    url = put(replicate)
    first = await (await service.import_url(url)).json()
    again = await service.import_url(url)

    assert again.status == 200
    assert await again.json() == first
    assert len(replicate.journal.select(host="delivery")) == 1


async def test_another_owner_gets_an_image_of_their_own(service: Service, replicate: ReplicateStandIn) -> None:
    url = put(replicate)
    hers = await (await service.import_url(url, user="ana")).json()
    his = await service.import_url(url, user="ben")

    assert his.status == 201
    assert (await his.json())["id"] != hers["id"]
    assert len(service.files("ben")) == 1


async def test_a_capture_that_takes_longer_is_promised(service: Service, replicate: ReplicateStandIn) -> None:
    url = put(replicate)
    replicate.delivery_faults.add(DeliveryFault(drip=0.05))
    answer = await service.import_url(url, wait=0)
    promise = await answer.json()
    info = await image_settled(service, promise["id"])

    assert (answer.status, promise["status"]) == (202, "capturing")
    assert answer.headers["Location"] == promise["url"] == info["url"]
    assert info["status"] == "stored"


async def test_an_image_may_bring_its_own_id(service: Service, replicate: ReplicateStandIn) -> None:
    answer = await service.import_url(put(replicate), image_id="My-Own_1")
    image = await answer.json()

    assert (answer.status, image["id"]) == (201, "My-Own_1")
    assert image["url"].endswith(f"{HOSTED}/My-Own_1.png")
    assert service.files() == ["My-Own_1.png"]


async def test_an_id_that_another_source_has_is_a_conflict(service: Service, replicate: ReplicateStandIn) -> None:
    await service.import_url(put(replicate), image_id="taken")
    other = put(replicate, "/b/out-0.png", pictures.webp())
    answer = await service.import_url(other, image_id="taken")
    again = await service.import_url(put(replicate), image_id="taken")

    assert (answer.status, (await answer.json())["code"]) == (409, "image_id_taken")
    assert again.status == 200
    assert service.files() == ["taken.png"]


@pytest.mark.parametrize("image", ["../x", "a/b", "", "x" * 129, ".hidden", "ü", 7], ids=repr)
async def test_an_id_that_is_none_is_refused(service: Service, replicate: ReplicateStandIn, image: object) -> None:
    answer = await service.import_url(put(replicate), image_id=image)

    assert (answer.status, (await answer.json())["field"]) == (422, "image_id")


async def test_an_output_of_a_job_is_hosted_once_under_any_address(
    service: Service, replicate: ReplicateStandIn
) -> None:
    first = await service.import_url(put(replicate), prediction_id="abc", output_index=0)
    signed = put(replicate, "/b/out-0.png", pictures.png())
    again = await service.import_url(signed, prediction_id="abc", output_index=0)
    image = await first.json()

    assert (first.status, again.status) == (201, 200)
    assert (image["provider"], image["prediction_id"]) == ("replicate", "abc")
    assert (await again.json())["id"] == image["id"]


async def test_outputs_of_one_job_without_an_index_are_told_apart_by_their_address(
    service: Service, replicate: ReplicateStandIn
) -> None:
    first = await service.import_url(put(replicate), prediction_id="abc")
    other = await service.import_url(put(replicate, "/a/out-1.png", pictures.webp()), prediction_id="abc")

    assert (first.status, other.status) == (201, 201)
    assert len(service.files()) == 2


async def test_twenty_imports_at_once_are_one_image(service: Service, replicate: ReplicateStandIn) -> None:
    url = put(replicate)
    answers = await asyncio.gather(*(service.import_url(url) for _ in range(20)))
    images = [await answer.json() for answer in answers]

    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({image["id"] for image in images}) == 1
    assert {image["status"] for image in images} == {"stored"}
    assert len(service.files()) == len(replicate.journal.select(host="delivery")) == 1


async def test_a_generations_output_is_not_hosted_twice(service: Service) -> None:
    made = await (await service.generate()).json()
    answer = await service.import_url(made["replicate_url"])

    assert (answer.status, (await answer.json())["id"]) == (200, made["id"])
    assert len(service.files()) == 1


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("https://evil.example/a.png", 422, "source_not_allowed"),
        ("ftp://127.0.0.1/a.png", 422, "source_not_allowed"),
        ("file:///etc/passwd", 422, "source_not_allowed"),
        ("http://user:pass@127.0.0.1/a.png", 422, "source_not_allowed"),
        ("no url at all", 422, "invalid_request"),
        ("", 422, "invalid_request"),
    ],
    ids=["stranger", "ftp", "file", "credentials", "no url", "empty"],
)
async def test_an_address_that_is_not_allowed_is_refused(service: Service, url: str, status: int, code: str) -> None:
    answer = await service.import_url(url)
    problem = await answer.json()

    assert (answer.status, problem["code"]) == (status, code)
    assert url == "" or url not in problem["detail"]


async def test_a_picture_that_is_none_is_refused_with_why(service: Service, replicate: ReplicateStandIn) -> None:
    answer = await service.import_url(put(replicate, content=b"<html>"))
    problem = await answer.json()

    assert (answer.status, problem["code"]) == (422, "source_rejected")
    assert problem["reason"]
    assert service.files() == []


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_dead_source_is_gone(service: Service, replicate: ReplicateStandIn, status: int) -> None:
    url = put(replicate)
    replicate.delivery_faults.add(DeliveryFault(status=status))
    answer = await service.import_url(url)

    assert (answer.status, (await answer.json())["code"]) == (502, "source_gone")
    assert service.files() == []


async def test_a_lost_image_lives_again_when_its_source_does(service: Service, replicate: ReplicateStandIn) -> None:
    url = put(replicate)
    replicate.delivery_faults.add(DeliveryFault(status=404))
    lost = await (await service.import_url(url)).json()
    answer = await service.import_url(url)
    image = await answer.json()

    assert answer.status == 201
    assert (image["id"], image["status"]) == (lost["image_id"], "stored")
    assert "reason" not in image


async def test_a_rejected_image_may_be_good_the_next_time(service: Service, replicate: ReplicateStandIn) -> None:
    url = put(replicate, content=b"<html>")
    refused = await service.import_url(url)
    put(replicate)
    again = await service.import_url(url)

    assert (refused.status, again.status) == (422, 201)


async def test_a_source_that_fails_past_its_deadline_is_lost_aloud(
    service: Service, replicate: ReplicateStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    url = put(replicate)
    replicate.delivery_faults.add(DeliveryFault(status=503), times=50)
    promise = await (await service.import_url(url, wait=0)).json()
    service.clock.advance(3601)
    info = await image_settled(service, promise["id"])
    again = await service.import_url(url, wait=0)

    assert (info["status"], info["reason"]) == ("lost", "deadline_passed")
    assert [record for record in caplog.records if record.levelname == "ERROR"]
    assert again.status == 202


async def test_a_deleted_image_may_be_imported_anew(service: Service, replicate: ReplicateStandIn) -> None:
    url = put(replicate)
    first = await (await service.import_url(url)).json()
    await service.http.delete(first["url"].removesuffix(".png"))
    second = await service.import_url(url)

    assert (second.status, (await second.json())["id"] == first["id"]) == (201, False)
    assert (await service.http.get(first["url"])).status == 410


@pytest.fixture
async def small(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    async with serving(tmp_path, replicate, CAPTURE_QUEUE_LIMIT="2") as running:
        yield running


async def test_a_full_queue_refuses_before_anything_is_begun(small: Service, replicate: ReplicateStandIn) -> None:
    replicate.delivery_faults.add(DeliveryFault(status=503), times=50)
    for number in range(2):
        assert (await small.import_url(put(replicate, f"/{number}.png"), wait=0)).status == 202
    imported = await small.import_url(put(replicate, "/more.png"))
    generated = await small.generate()

    for answer in (imported, generated):
        problem = await answer.json()
        assert (answer.status, problem["code"], problem["retryable"]) == (503, "overloaded", True)
        assert int(answer.headers["Retry-After"]) > 0
    assert replicate.predictions == []

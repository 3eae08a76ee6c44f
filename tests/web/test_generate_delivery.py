"""POST /v1/images/generate: the provider has succeeded, and then its delivery goes wrong."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.replicate import Behaviour, DeliveryFault, ReplicateStandIn
from tests.support import hostile_pictures, pictures
from tests.support.hurry import image_settled
from tests.support.origin import Answer, running_origin
from tests.support.service import Service, serving

MODEL = "acme/painter"


@pytest.mark.parametrize(
    "fault",
    [
        DeliveryFault(status=503),
        DeliveryFault(status=429, headers={"Retry-After": "1"}),
        DeliveryFault(status=404),
        DeliveryFault(cut_after=100),
        DeliveryFault(content_type="application/octet-stream"),
        DeliveryFault(content_type="image/gif"),
        DeliveryFault(unannounced=True),
    ],
    ids=["503", "429", "not there yet", "cut and resumed", "octet-stream", "wrong type", "without length"],
)
async def test_a_delivery_that_stumbles_once_ends_stored(
    service: Service, replicate: ReplicateStandIn, fault: DeliveryFault
) -> None:
    replicate.delivery_faults.add(fault)
    image = await (await service.generate()).json()
    info = await image_settled(service, image["id"])
    served = await service.http.get(image["url"])

    assert info["status"] == "stored"
    assert await served.read() == replicate.predictions[0].contents[0]
    assert not list((service.folder / "images" / ".staging").iterdir())


async def test_a_download_that_broke_off_goes_on_where_it_was(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(images=(pictures.noise_png(300_000),))
    replicate.delivery_faults.add(DeliveryFault(cut_after=200_000))
    image = await (await service.generate()).json()
    ranges = [entry.headers.get("Range") for entry in replicate.journal.select(host="delivery")]

    assert image["status"] == "stored"
    assert ranges[0] is None
    assert ranges[1] is not None
    assert ranges[1].startswith("bytes=")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (DeliveryFault(gzip=True), "encoded"),
        (DeliveryFault(content_type="text/html"), "not_an_image"),
        (DeliveryFault(padding=2 * 1024 * 1024), "too_large"),
        (DeliveryFault(redirect_to="https://evil.example/out.png"), "source_not_allowed"),
        (DeliveryFault(redirect_to="file:///etc/passwd"), "source_not_allowed"),
    ],
    ids=["gzip", "html", "oversized", "redirected to a stranger", "redirected to a file"],
)
async def test_what_can_never_be_good_is_rejected_at_once(
    tmp_path: Path, replicate: ReplicateStandIn, fault: DeliveryFault, reason: str
) -> None:
    replicate.delivery_faults.add(fault)
    async with serving(tmp_path, replicate, SOURCE_MAX_MB="1") as service:
        answer = await service.generate()
        image = await answer.json()

        assert (answer.status, image["status"], image["reason"]) == (200, "rejected", reason)
        assert image["replicate_url"] == replicate.predictions[0].files[0]
        assert len(replicate.journal.select(host="delivery")) == 1
        assert service.files() == []


@pytest.mark.parametrize(
    "content",
    [hostile_pictures.HTML, b"", pictures.png()[:-20], pictures.png() + b"and more", b"\x89PNG\r\n\x1a\n"],
    ids=["html", "nothing", "truncated", "foreign bytes after its end", "a head"],
)
async def test_outputs_that_are_no_images_are_rejected_with_why(
    service: Service, replicate: ReplicateStandIn, content: bytes
) -> None:
    replicate.behaviours[MODEL] = Behaviour(images=(content,))
    answer = await service.generate()
    image = await answer.json()
    served = await service.http.get(image["url"])

    assert (answer.status, image["status"]) == (200, "rejected")
    assert image["reason"]
    assert (served.status, (await served.json())["code"]) == (404, "image_unavailable")
    assert service.files() == []


async def test_one_bad_output_spoils_no_other(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.behaviours[MODEL] = Behaviour(images=(pictures.png(), hostile_pictures.HTML, pictures.webp()))
    image = await (await service.generate()).json()

    assert [one["status"] for one in image["images"]] == ["stored", "rejected", "stored"]
    assert len(service.files()) == 2


@pytest.fixture
async def elsewhere() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn(delivery_url="https://delivery.evil.example") as stand_in:
        yield stand_in


async def test_an_output_on_a_host_that_is_not_allowed_is_rejected(tmp_path: Path, elsewhere: ReplicateStandIn) -> None:
    async with serving(tmp_path, elsewhere) as service:
        answer = await service.generate()
        image = await answer.json()

    assert (answer.status, image["status"], image["reason"]) == (200, "rejected", "source_not_allowed")
    assert image["replicate_url"].startswith("https://delivery.evil.example/")


async def test_a_redirect_to_a_private_address_is_not_followed(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    async with running_origin() as origin:
        replicate.delivery_faults.add(DeliveryFault(redirect_to=origin.answer("/secret.png", Answer(body=b"x"))))
        allowed = replicate.delivery_url.removeprefix("http://")
        async with serving(tmp_path, replicate, SOURCE_HOST_ALLOWLIST=allowed) as service:
            image = await (await service.generate()).json()

    assert (image["status"], image["reason"]) == ("rejected", "source_not_allowed")
    assert origin.seen == []


async def test_private_addresses_are_no_sources_unless_allowed(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    async with serving(tmp_path, replicate, ALLOW_PRIVATE_SOURCES="false") as service:
        answer = await service.import_url(f"{replicate.delivery_url}/some/out-0.png")

    assert (answer.status, (await answer.json())["code"]) == (422, "source_not_allowed")
    assert replicate.journal.select(host="delivery") == []


async def test_a_broken_delivery_is_answered_with_both_urls_and_mends_by_itself(
    service: Service, replicate: ReplicateStandIn
) -> None:
    replicate.delivery_faults.add(DeliveryFault(status=503), times=4)
    answer = await service.generate(wait=1)
    image = await answer.json()

    assert (answer.status, image["status"]) == (200, "capturing")
    assert image["replicate_url"] == replicate.predictions[0].files[0]
    assert (await image_settled(service, image["id"]))["status"] == "stored"
    assert (await service.http.get(image["url"], allow_redirects=False)).status == 200


async def test_a_delivery_that_never_mends_is_lost_aloud(
    service: Service, replicate: ReplicateStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    replicate.delivery_faults.add(DeliveryFault(status=503), times=100)
    image = await (await service.generate(wait=1)).json()
    service.clock.advance(3700)
    info = await image_settled(service, image["id"])

    assert (info["status"], info["reason"]) == ("lost", "deadline_passed")
    assert [record for record in caplog.records if record.levelname == "ERROR" and "lost" in record.getMessage()]
    assert (await service.http.get(image["url"])).status == 404


async def test_an_expired_output_is_lost(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.delivery_faults.add(DeliveryFault(status=503), times=4)
    image = await (await service.generate(wait=1)).json()
    replicate.delivery_faults.clear()
    replicate.advance(3700)
    info = await image_settled(service, image["id"])

    assert info["status"] == "lost"
    assert (await service.http.get(image["url"], allow_redirects=False)).status == 404

"""Temporary images and the generations they are made for, over a real catalog and real files."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.access import Caller
from app.domain.errors import SourceRejected, TooLarge
from app.domain.generations import JobStatus
from app.domain.ids import GenerationId
from app.domain.temporary import TemporaryImage
from app.services.temporary import TemporaryImages
from tests.support.doubles import ANA, a_generation
from tests.support.pictures import jpeg, png
from tests.support.service import Service
from tests.support.sources import data_uri
from tests.support.still import still

BASE = "https://images.example"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path, ASSET_MAX_IMAGE_MB="1") as running:
        yield running


@pytest.fixture
def temporary(service: Service) -> TemporaryImages:
    return service.graph.temporary


async def begun(service: Service) -> GenerationId:
    generation = a_generation(service.graph.world.ids, service.clock())
    await service.graph.adapters.generations.begin(generation)
    return generation.id


async def ended(service: Service, generation: GenerationId) -> None:
    await service.graph.adapters.generations.update(
        generation, status=JobStatus.FAILED, job_id="job", at=service.clock()
    )


async def left(service: Service) -> list[TemporaryImage]:
    return list(await service.graph.adapters.temporary.images())


async def test_a_data_url_becomes_a_url_a_provider_can_fetch(temporary: TemporaryImages) -> None:
    hosted = await temporary.host(data_uri(png()), owner=ANA, base_url=BASE)
    opened = await temporary.open(hosted.id)

    assert hosted.url == f"{BASE}/api/images/{hosted.id}.png"
    assert opened is not None
    assert [chunk async for chunk in opened.blob.chunks(0, opened.blob.size)] == [png()]
    await opened.blob.aclose()


async def test_bytes_can_be_stored_as_well(temporary: TemporaryImages) -> None:
    image = await temporary.store(jpeg(), owner=ANA, content_type="image/jpg")

    assert (image.extension, image.content_type, image.owner) == ("jpg", "image/jpeg", ANA)


@pytest.mark.parametrize("content", [jpeg(), b"no picture", b""])
async def test_bytes_that_are_not_what_is_said_are_refused(
    service: Service, temporary: TemporaryImages, content: bytes
) -> None:
    with pytest.raises(SourceRejected):
        await temporary.store(content, owner=ANA, content_type="image/png")

    assert await left(service) == []


async def test_too_many_bytes_are_refused(temporary: TemporaryImages) -> None:
    with pytest.raises(TooLarge):
        await temporary.store(bytes(2**20 + 1), owner=ANA, content_type="image/png")


async def test_the_end_of_a_generation_is_that_of_its_images_only(service: Service, temporary: TemporaryImages) -> None:
    generation, other = await begun(service), await begun(service)
    await temporary.host(data_uri(png()), owner=ANA, base_url=BASE, generation=generation)
    of_other = await temporary.host(data_uri(png()), owner=ANA, base_url=BASE, generation=other)
    of_none = await temporary.host(data_uri(png()), owner=ANA, base_url=BASE)
    await temporary.delete_for(generation)

    assert {image.id for image in await left(service)} == {of_other.id, of_none.id}


async def test_tidying_removes_what_generations_that_ended_have_left(
    service: Service, temporary: TemporaryImages
) -> None:
    over, open_ = await begun(service), await begun(service)
    await temporary.host(data_uri(png()), owner=ANA, base_url=BASE, generation=over)
    await temporary.host(data_uri(png()), owner=ANA, base_url=BASE, generation=open_)
    await temporary.host(data_uri(png()), owner=ANA, base_url=BASE)
    await ended(service, over)
    await temporary.tidy()

    assert {image.generation for image in await left(service)} == {open_, None}


async def test_a_generation_that_is_about_to_begin_keeps_its_images(
    service: Service, temporary: TemporaryImages
) -> None:
    await temporary.store(png(), owner=ANA, content_type="image/png", generation=service.graph.world.ids.generation())
    await temporary.tidy()
    soon = len(await left(service))
    service.clock.advance(timedelta(days=2).total_seconds())
    await temporary.tidy()

    assert (soon, await left(service)) == (1, [])


async def test_without_a_generation_nothing_ends_by_itself(service: Service, temporary: TemporaryImages) -> None:
    await temporary.host(data_uri(png()), owner=ANA, base_url=BASE)
    service.clock.advance(timedelta(days=1000).total_seconds())
    await temporary.tidy()

    assert len(await left(service)) == 1


async def test_a_service_key_may_delete_anybodys(service: Service, temporary: TemporaryImages) -> None:
    hosted = await temporary.host(data_uri(png()), owner=ANA, base_url=BASE)
    await temporary.delete(hosted.id, by=Caller())

    assert await left(service) == []


def test_small_data_urls_are_sent_as_they_are() -> None:
    assert not TemporaryImages.should_use_url(data_uri(bytes(256 * 1024)))
    assert TemporaryImages.should_use_url(data_uri(bytes(256 * 1024 + 1)))

"""Hot rows are kept in memory, and are never believed against the file."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImageSource, ImageStatus
from app.services.known_images import KnownImages
from devkit.clock import FakeClock
from tests.support.service import Service

ANA = UserId("ana")


def an_image(name: str, clock: FakeClock) -> Image:
    return Image(
        user=ANA,
        id=ImageId(name),
        url_extension="png",
        status=ImageStatus.STORED,
        source=ImageSource.IMPORTED,
        created_at=clock(),
    )


def test_a_row_is_found_for_a_while() -> None:
    clock = FakeClock()
    known = KnownImages(clock=clock)
    known.remember(an_image("one", clock))

    clock.advance(14)
    early = known.find(ANA, ImageId("one"))
    clock.advance(2)

    assert early is not None
    assert known.find(ANA, ImageId("one")) is None


def test_a_forgotten_row_is_not_found() -> None:
    clock = FakeClock()
    known = KnownImages(clock=clock)
    known.remember(an_image("one", clock))

    known.forget(ANA, ImageId("one"))

    assert known.find(ANA, ImageId("one")) is None


def test_the_least_recently_served_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.known_images._MOST", 2)
    clock = FakeClock()
    known = KnownImages(clock=clock)
    for name in ("one", "two"):
        known.remember(an_image(name, clock))
    known.find(ANA, ImageId("one"))

    known.remember(an_image("three", clock))

    assert known.find(ANA, ImageId("two")) is None
    assert known.find(ANA, ImageId("one")) is not None


async def test_a_hot_image_costs_no_database(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    image = await (await service.generate()).json()
    await service.http.get(image["url"])

    monkeypatch.delattr(type(service.graph.adapters.images), "find")
    again = await service.http.get(image["url"])

    assert again.status == 200


async def test_a_deletion_is_seen_at_once(service: Service) -> None:
    image = await (await service.generate()).json()
    await service.http.get(image["url"])

    await service.http.delete(image["url"])
    gone = await service.http.get(image["url"])

    assert gone.status == 410


async def test_a_deletion_by_another_process_is_seen_at_once(service: Service, tmp_path: Path) -> None:
    image = await (await service.generate()).json()
    await service.http.get(image["url"])

    images, blobs = service.graph.adapters.images, service.graph.adapters.blobs
    row = await images.mark_deleted(ANA, ImageId(image["id"]), reason="expired", at=service.clock())
    assert row is not None
    await blobs.delete(row.key)
    gone = await service.http.get(image["url"])

    assert gone.status == 410
    assert (await gone.json())["reason"] == "expired"


def test_a_clock_that_went_back_sends_everybody_to_the_catalog() -> None:
    ahead = FakeClock()
    ahead.advance(timedelta(days=1).total_seconds())
    times = iter([ahead(), FakeClock()()])
    known = KnownImages(clock=lambda: next(times))
    known.remember(an_image("one", FakeClock()))

    assert known.find(ANA, ImageId("one")) is None

"""The image document: the same members everywhere, with what is true of the image."""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from devkit.clock import FakeClock
from tests.support.service import Service
from tests.support.still import PICTURE, host, promise, still

KEYS = [
    *("id", "user_id", "url", "status", "source", "content_type", "width", "height", "size_bytes", "sha256"),
    *("thumbhash", "created_at", "hosted_at", "expires_at", "provider", "prediction_id", "replicate_url", "metadata"),
]


async def test_a_stored_image_is_described_completely(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock()) as service:
        await host(service)
        document = await (await service.http.get("/v1/images/hosted/ana/pic/info")).json()
        url = service.url
    assert sorted(document) == sorted(KEYS)
    assert document["url"] == f"{url}/v1/images/hosted/ana/pic.png"
    assert (document["status"], document["source"], document["content_type"]) == ("stored", "imported", "image/png")
    assert (document["width"], document["height"], document["size_bytes"]) == (8, 6, len(PICTURE))
    assert document["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    assert document["created_at"] == document["hosted_at"] == "2026-01-01T12:00:00Z"


async def test_an_image_on_its_way_has_the_same_members(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await promise(service)
        document = await (await service.http.get("/v1/images/hosted/ana/pic/info")).json()
    assert sorted(document) == sorted(KEYS)
    assert document["status"] == "capturing"
    for unknown in ("content_type", "width", "height", "size_bytes", "sha256", "thumbhash", "hosted_at", "expires_at"):
        assert document[unknown] is None


@pytest.mark.parametrize(
    ("days", "expires"),
    [("90", "2026-04-01T12:00:00Z"), ("0.5", "2026-01-02T00:00:00Z"), ("0", None)],
    ids=["ninety days", "half a day", "never"],
)
async def test_it_says_when_the_image_expires(tmp_path: Path, days: str, expires: str | None) -> None:
    async with still(tmp_path, clock=FakeClock(), IMAGE_MAX_AGE_DAYS=days, IMAGE_MIN_AGE_HOURS="0") as service:
        await host(service)
        document = await (await service.http.get("/v1/images/hosted/ana/pic/info")).json()
    assert document["expires_at"] == expires


async def test_nothing_is_said_to_expire_before_it_may_go(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock(), IMAGE_MAX_AGE_DAYS="0.5", IMAGE_MIN_AGE_HOURS="48") as service:
        await host(service)
        document = await (await service.http.get("/v1/images/hosted/ana/pic/info")).json()
        used = await (await service.http.get("/v1/users/ana/usage")).json()
    kept = datetime.fromisoformat(document["expires_at"]) - datetime.fromisoformat(document["hosted_at"])
    assert kept == timedelta(hours=48)
    assert used["next"][0]["at"] == document["expires_at"]


async def test_a_generated_and_an_imported_image_have_the_same_members(service: Service) -> None:
    generated = await (await service.generate()).json()
    imported = await (await service.import_url(generated["replicate_url"], user="bob")).json()
    shown = await (await service.http.get(f"/v1/images/hosted/ana/{generated['id']}/info")).json()
    assert sorted(imported) == sorted(shown) == sorted(KEYS)
    assert sorted(generated) == sorted([*KEYS, "generation_id", "images"])
    assert generated["images"] == [shown]
    assert (generated["source"], imported["source"]) == ("generated", "imported")


async def test_urls_begin_with_the_public_address(tmp_path: Path) -> None:
    async with still(tmp_path, PUBLIC_BASE_URL="https://images.example.com") as service:
        await host(service)
        document = await (await service.http.get("/v1/images/hosted/ana/pic/info")).json()
    assert document["url"] == "https://images.example.com/v1/images/hosted/ana/pic.png"

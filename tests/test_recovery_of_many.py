"""Recovery over thousands of images: all are compared, none is read, and what differs is found among them."""

from pathlib import Path

import pytest

from app.domain.recovery import Finding
from benchmarks.recovery import fill
from tests.support.service import serving

IMAGES = 3000


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    await fill(tmp_path, IMAGES)
    return tmp_path / "images"


async def test_a_large_store_is_compared_without_reading_it(store: Path) -> None:
    async with serving(store.parent) as service:
        report = await service.graph.recovery.recover()
        assert (report.images, report.read, report.findings) == (IMAGES, 0, [])
        assert len((await (await service.http.get("/v1/users/user-00059/images?limit=200")).json())["images"]) == 50


async def test_what_differs_is_found_among_thousands(store: Path) -> None:
    gone, short = sorted((store / "user-00020").iterdir())[:2]
    async with serving(store.parent) as service:
        gone.unlink()
        short.write_bytes(b"")
        report = await service.graph.recovery.recover()
        assert sorted(report.findings) == [
            (Finding.MISSING, f"user-00020/{gone.name}"),
            (Finding.WRONG_SIZE, f"user-00020/{short.name}"),
        ]
        assert report.repaired == 2

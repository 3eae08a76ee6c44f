"""Catalog and files come together again after whatever has happened to them."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from app.config import Settings
from app.domain.errors import StorageUnavailable
from app.domain.ids import ImageId, UserId
from app.domain.recovery import Finding, Slice
from app.wiring import World, running, wired
from devkit.clock import FakeClock
from tests.support.pictures import png
from tests.support.service import Service, environment, serving
from tests.support.sources import data_uri

EVERYTHING = Slice(1, 1)


async def stored(service: Service, name: str = "one", *, seed: int = 1) -> str:
    answer = await service.import_url(data_uri(png(8, 8, seed=seed)), image_id=name)
    return str((await answer.json())["url"])


def file_of(folder: Path, name: str = "one") -> Path:
    return folder / "images" / "ana" / f"{name}.png"


async def test_a_sound_store_is_clean(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await stored(service)
        report = await service.graph.recovery.verify(read=EVERYTHING)

    assert report.findings == []
    assert (report.images, report.read) == (1, file_of(tmp_path).stat().st_size)


async def test_a_row_without_its_file_is_lost_at_the_next_start_and_said_so(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        url = await stored(service)
    file_of(tmp_path).unlink()

    async with serving(tmp_path) as service:
        answer = await service.http.get(url.replace(url.split("/v1")[0], service.url))

    assert answer.status == 404
    assert (await answer.json())["reason"] == "file_missing"


async def test_a_lost_image_is_captured_again_when_it_is_imported_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await stored(service)
    file_of(tmp_path).unlink()

    async with serving(tmp_path) as service:
        answer = await service.import_url(data_uri(png(8, 8, seed=1)), image_id="one")

    assert answer.status == 201


async def test_verifying_without_repair_changes_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await stored(service)
        file_of(tmp_path).unlink()
        report = await service.graph.recovery.verify()
        again = await service.graph.recovery.verify()

    assert [finding for finding, _ in report.findings] == [Finding.MISSING]
    assert again.findings == report.findings
    assert not report.is_clean


async def test_a_published_file_whose_row_was_never_written_is_adopted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = asyncio.Event()

    async def settle(*_: object, **__: object) -> None:
        published.set()
        await _disk_gone()

    async with serving(tmp_path) as service:
        with monkeypatch.context() as crash:
            crash.setattr(type(service.graph.adapters.captures), "settle_stored", settle)
            crash.setattr(type(service.graph.adapters.captures), "release", _disk_gone)
            answer = await service.import_url(data_uri(png(8, 8)), image_id="one", wait=0)
            await published.wait()
        report = await service.graph.recovery.verify(repair=True)
        served = await service.http.get("/v1/images/hosted/ana/one.png")

        assert answer.status == 202
        assert report.findings == [(Finding.UNFINISHED, "ana/one.png")]
        assert await served.read() == png(8, 8)


async def test_a_file_nobody_knows_is_set_aside_once_it_is_not_young(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await stored(service)
        file_of(tmp_path, "stray").write_bytes(png(4, 4))
        young = await service.graph.recovery.verify(repair=True)
        service.clock.advance(timedelta(hours=2).total_seconds())
        old = await service.graph.recovery.verify(repair=True)

    assert young.findings == []
    assert old.findings == [(Finding.ORPHAN, "ana/stray.png")]
    assert not file_of(tmp_path, "stray").exists()
    assert len(list((tmp_path / "images" / ".quarantine" / "ana").iterdir())) == 1


async def test_bytes_that_rotted_are_found_by_reading_and_never_served_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        url = await stored(service)
        rotten = bytearray(file_of(tmp_path).read_bytes())
        rotten[-20] ^= 1
        file_of(tmp_path).write_bytes(rotten)
        blind = await service.graph.recovery.verify(repair=True)
        report = await service.graph.recovery.verify(repair=True, read=EVERYTHING)
        answer = await service.http.get(url)

    assert blind.findings == []
    assert [finding for finding, _ in report.findings] == [Finding.ROTTEN]
    assert answer.status == 404


async def test_a_file_of_another_length_is_found_without_reading(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await stored(service)
        file_of(tmp_path).write_bytes(file_of(tmp_path).read_bytes()[:-1])
        report = await service.graph.recovery.verify()

    assert [finding for finding, _ in report.findings] == [Finding.WRONG_SIZE]


async def test_the_file_of_a_deleted_image_goes(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        url = await stored(service)
        kept = file_of(tmp_path).read_bytes()
        await service.http.delete(url)
        file_of(tmp_path).write_bytes(kept)
        report = await service.graph.recovery.verify(repair=True)

    assert [finding for finding, _ in report.findings] == [Finding.UNDELETED]
    assert not file_of(tmp_path).exists()


async def test_a_deletion_that_was_cut_short_after_its_unlink_owes_nothing_once_it_has_started_again(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as service:
        await stored(service)
        images = service.graph.adapters.images
        await images.mark_deleted(UserId("ana"), ImageId("one"), reason="user_request", at=service.clock())
    file_of(tmp_path).unlink()

    async with serving(tmp_path) as service:
        owed = await service.graph.adapters.images.owed_unlinks(1)

    assert owed == []


async def test_a_scrub_reads_every_byte_within_thirty_days(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        for number in range(5):
            await stored(service, f"image-{number}", seed=number)
        read = 0
        for _ in range(30):
            read += (await service.graph.recovery.scrub()).read
            service.clock.advance(timedelta(days=1).total_seconds())

    assert read == sum(path.stat().st_size for path in (tmp_path / "images" / "ana").iterdir())


async def test_a_volume_that_is_not_mounted_stops_the_start(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        await stored(service)
    (tmp_path / "images").rename(tmp_path / "elsewhere")

    settings = Settings.from_env(environment(tmp_path), dotenv=None)
    with pytest.raises(StorageUnavailable, match="mounted"):
        async with wired(settings, World(clock=FakeClock(ticking=True))) as holdfast, running(holdfast):
            pass


async def test_a_volume_that_lacks_most_files_is_taken_for_the_wrong_one(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
        for number in range(12):
            await stored(service, f"image-{number}", seed=number)
        for path in (tmp_path / "images" / "ana").iterdir():
            path.unlink()

        with pytest.raises(StorageUnavailable, match="right volume"):
            await service.graph.recovery.verify(repair=True)


async def _disk_gone(*_: object, **__: object) -> None:
    raise StorageUnavailable("The catalog is unavailable.")

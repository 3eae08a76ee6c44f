"""A backup of a running store, put back, serves the same bytes at the same URLs."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.adapters.backup.folder import FolderBackup
from app.domain.backup import ImageRow
from app.domain.errors import InvalidInput
from app.domain.recovery import Slice
from app.services.backup import BackupService
from tests.support.pictures import png
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.still import PICTURE, host, still


async def stored(service: Service, name: str, seed: int) -> str:
    answer = await service.import_url(data_uri(png(8, 8, seed=seed)), image_id=name)
    return str((await answer.json())["url"]).removeprefix(service.url)


async def test_a_restored_backup_serves_the_same_bytes(tmp_path: Path) -> None:
    async with serving(tmp_path / "first") as service:
        path = await stored(service, "one", 1)
        before = await (await service.http.get(path)).read()
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))
    shutil.rmtree(tmp_path / "first")
    shutil.copytree(tmp_path / "backup", tmp_path / "second")

    async with serving(tmp_path / "second") as service:
        answer = await service.http.get(path)
        report = await service.graph.recovery.verify(read=Slice(1, 1))

        assert await answer.read() == before
        assert report.findings == []


async def test_a_second_backup_copies_only_what_is_new(tmp_path: Path) -> None:
    async with serving(tmp_path / "store") as service:
        await stored(service, "one", 1)
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))
        await stored(service, "two", 2)
        report = await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert (report.copied, report.kept) == (1, 1)


async def test_what_was_deleted_goes_from_the_backup_too(tmp_path: Path) -> None:
    async with serving(tmp_path / "store") as service:
        path = await stored(service, "one", 1)
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))
        await service.http.delete(path)
        report = await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert report.removed == 1
    assert list((tmp_path / "backup" / "images" / "ana").iterdir()) == []


async def test_a_backup_cut_short_leaves_the_one_before_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = FolderBackup(tmp_path / "backup")
    async with serving(tmp_path / "store") as service:
        await stored(service, "one", 1)
        await service.graph.backup.backup(target)
        before = (tmp_path / "backup" / "holdfast.db").read_bytes()
        await stored(service, "two", 2)
        monkeypatch.setattr(FolderBackup, "keep_draft", _power_cut)
        with pytest.raises(KeyboardInterrupt):
            await service.graph.backup.backup(target)

    assert (tmp_path / "backup" / "holdfast.db").read_bytes() == before


async def test_a_copy_of_the_wrong_length_is_made_again(tmp_path: Path) -> None:
    copy = tmp_path / "backup" / "images" / "ana" / "one.png"
    async with serving(tmp_path / "store") as service:
        await stored(service, "one", 1)
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))
        whole = copy.read_bytes()
        copy.write_bytes(whole[:10])
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert copy.read_bytes() == whole


async def test_a_backup_is_for_its_owner_only(tmp_path: Path) -> None:
    async with serving(tmp_path / "store") as service:
        await stored(service, "one", 1)
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    kept = [path for path in (tmp_path / "backup").rglob("*") if path.is_file() and path.stat().st_size]
    assert all(path.stat().st_mode & 0o007 == 0 for path in kept)


@asynccontextmanager
async def backed_up(folder: Path) -> AsyncIterator[tuple[Service, Path, Path]]:
    """Yield a service that was backed up with one image, its live file, and the copy."""
    async with still(folder / "store") as service:
        await host(service)
        await service.graph.backup.backup(FolderBackup(folder / "backup"))
        copy = folder / "backup" / "images" / "ana" / "pic.png"
        assert copy.read_bytes() == PICTURE
        yield service, folder / "store" / "images" / "ana" / "pic.png", copy


async def test_a_truncated_image_is_reported_and_its_good_copy_stays(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (service, live, copy):
        live.write_bytes(PICTURE[:10])
        report = await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert (report.damaged, report.is_whole, report.removed) == (["ana/pic.png"], False, 0)
    assert copy.read_bytes() == PICTURE


async def test_a_missing_image_is_reported_and_its_good_copy_stays(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (service, live, copy):
        live.unlink()
        report = await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert (report.missing, report.is_whole, report.removed) == (["ana/pic.png"], False, 0)
    assert copy.read_bytes() == PICTURE


async def test_the_copy_of_a_lost_image_stays(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (service, live, copy):
        live.unlink()
        await service.graph.recovery.verify(repair=True)
        report = await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert (report.is_whole, report.removed) == (True, 0)
    assert copy.read_bytes() == PICTURE


async def test_rotten_bytes_are_not_copied(tmp_path: Path) -> None:
    async with still(tmp_path / "store") as service:
        await host(service)
        (tmp_path / "store" / "images" / "ana" / "pic.png").write_bytes(bytes(len(PICTURE)))
        report = await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert (report.damaged, report.copied) == (["ana/pic.png"], 0)
    assert list((tmp_path / "backup" / "images" / "ana").iterdir()) == []


async def test_rotten_bytes_do_not_replace_even_a_bad_copy(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (service, live, copy):
        live.write_bytes(bytes(len(PICTURE)))
        copy.write_bytes(PICTURE[:10])
        report = await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert report.damaged == ["ana/pic.png"]
    assert copy.read_bytes() == PICTURE[:10]


async def test_a_deletion_while_copying_is_no_damage(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (service, live, _):
        graph = service.graph

        async def deleted_after(target: Path) -> Sequence[ImageRow]:
            rows = await graph.adapters.snapshot(target)
            await service.http.delete("/v1/images/hosted/ana/pic.png")
            return rows

        backup = BackupService(inventory=graph.adapters.inventory, images=graph.adapters.images, snapshot=deleted_after)
        report = await backup.backup(FolderBackup(tmp_path / "backup"))

    assert not live.exists()
    assert (report.gone, report.is_whole) == (1, True)


async def test_a_file_without_an_images_name_is_never_removed(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (service, _, copy):
        kept = [copy.with_name("notes.txt"), copy.with_name("other.part"), copy.parents[1] / "index.png"]
        for path in kept:
            path.touch()
        await service.http.delete("/v1/images/hosted/ana/pic.png")
        report = await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert report.removed == 1
    assert all(path.exists() for path in kept)


async def test_a_copy_that_no_row_explains_is_removed(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (service, _, copy):
        stray = copy.with_name("unknown.png")
        stray.touch()
        report = await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert (report.removed, stray.exists(), copy.exists()) == (1, False, True)


async def test_another_stores_backup_is_refused_and_stays_whole(tmp_path: Path) -> None:
    async with backed_up(tmp_path) as (_, _, copy):
        catalog = (tmp_path / "backup" / "holdfast.db").read_bytes()
    async with still(tmp_path / "empty") as service:
        with pytest.raises(InvalidInput, match="another store"):
            await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert copy.read_bytes() == PICTURE
    assert (tmp_path / "backup" / "holdfast.db").read_bytes() == catalog


async def _power_cut(_: FolderBackup) -> None:
    raise KeyboardInterrupt

"""A backup of a running store, put back, serves the same bytes at the same URLs."""

import shutil
from pathlib import Path

import pytest

from app.adapters.backup.folder import FolderBackup
from app.domain.errors import InvalidInput
from app.domain.recovery import Slice
from tests.support.pictures import png
from tests.support.service import Service, serving
from tests.support.sources import data_uri


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
    async with serving(tmp_path) as service:
        await stored(service, "one", 1)
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))
        await stored(service, "two", 2)
        report = await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert (report.copied, report.kept) == (1, 1)


async def test_what_was_deleted_goes_from_the_backup_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as service:
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
    async with serving(tmp_path) as service:
        await stored(service, "one", 1)
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))
        whole = copy.read_bytes()
        copy.write_bytes(whole[:10])
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    assert copy.read_bytes() == whole


def test_a_backup_within_the_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="within"):
        FolderBackup(tmp_path / "images" / "backup", apart_from=tmp_path / "images")


async def test_a_backup_is_for_its_owner_only(tmp_path: Path) -> None:
    async with serving(tmp_path / "store") as service:
        await stored(service, "one", 1)
        await service.graph.backup.backup(FolderBackup(tmp_path / "backup"))

    kept = [path for path in (tmp_path / "backup").rglob("*") if path.is_file() and path.stat().st_size]
    assert all(path.stat().st_mode & 0o007 == 0 for path in kept)


async def _power_cut(_: FolderBackup) -> None:
    raise KeyboardInterrupt

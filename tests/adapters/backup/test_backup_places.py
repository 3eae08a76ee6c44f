"""Where a backup may go: never onto what is alive, never among what is somebody else's."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.backup.folder import FolderBackup
from app.domain.errors import AppError, InvalidInput
from app.domain.images import Digest
from tests.support.still import host, still


def tree(folder: Path) -> dict[str, int]:
    """Return every path below *folder* with its inode: a file replaced is another file."""
    return {str(path.relative_to(folder)): path.lstat().st_ino for path in folder.rglob("*")}


def linked(data: Path) -> Path:
    link = data.parent / "link"
    link.symlink_to(data)
    return link


def holding_linked_images(data: Path) -> Path:
    folder = data.parent / "other"
    folder.mkdir()
    (folder / "images").symlink_to(data / "images")
    return folder


def around(data: Path) -> Path:
    """Return a folder whose `images` is the folder all data lies in."""
    folder = data.parent / "outer"
    folder.mkdir()
    (folder / "images").symlink_to(data.parent)
    return folder


def beside_a_hard_link(data: Path) -> Path:
    folder = data.parent / "hard"
    folder.mkdir()
    os.link(data / "holdfast.db", folder / "holdfast.db")
    return folder


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda data: data, id="the data folder"),
        pytest.param(lambda data: data / "images" / "..", id="by dots"),
        pytest.param(linked, id="by a link"),
        pytest.param(lambda data: linked(data) / "new" / "folder", id="below a link"),
        pytest.param(lambda data: data / "images", id="the images"),
        pytest.param(lambda data: data / "images" / "ana" / "backup", id="among an owner's images"),
        pytest.param(lambda data: data / "backup", id="within the data folder"),
        pytest.param(holding_linked_images, id="its images are ours"),
        pytest.param(around, id="its images hold ours"),
        pytest.param(beside_a_hard_link, id="its catalog is ours"),
    ],
)
async def test_a_backup_onto_what_is_alive_is_refused_and_touches_nothing(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    data = tmp_path / "data"
    async with still(data) as service:
        await host(service)
        folder = place(data)
        before = tree(tmp_path)
        with pytest.raises(InvalidInput, match="service's own"):
            await service.graph.backup.backup(service.graph.backup_to(folder))
        assert tree(tmp_path) == before


async def test_a_backup_into_the_folder_of_a_catalog_that_lies_apart_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "catalog" / "holdfast.db"
    database.parent.mkdir()
    async with still(tmp_path / "data", DATABASE_URL=f"sqlite:///{database}") as service:
        with pytest.raises(InvalidInput, match="service's own"):
            await service.graph.backup.backup(service.graph.backup_to(database.parent))


async def test_a_folder_whose_name_only_begins_like_ours_is_taken(tmp_path: Path) -> None:
    async with still(tmp_path / "data") as service:
        await host(service)
        report = await service.graph.backup.backup(service.graph.backup_to(tmp_path / "data-copy"))

    assert report.copied == 1


@pytest.mark.parametrize(
    "file",
    ["letter.txt", "images/ana/holiday.png", "holdfast.db"],
    ids=["any file", "one named like ours", "a file that is no catalog"],
)
async def test_a_folder_with_somebody_elses_files_is_refused(tmp_path: Path, file: str) -> None:
    stranger = tmp_path / "backup" / file
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"theirs")
    before = tree(tmp_path)

    with pytest.raises(InvalidInput, match="not empty"):
        await FolderBackup(tmp_path / "backup").prepare()
    assert tree(tmp_path) == before


async def test_the_data_folder_of_another_service_is_refused_even_if_it_was_restored(tmp_path: Path) -> None:
    async with still(tmp_path / "data") as service:
        await host(service)
        await service.graph.backup.backup(service.graph.backup_to(tmp_path / "other"))
        async with still(tmp_path / "other"):
            with pytest.raises(InvalidInput, match="service runs"):
                await service.graph.backup.backup(service.graph.backup_to(tmp_path / "other"))


async def test_a_new_file_system_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()

    await FolderBackup(tmp_path).prepare()
    await FolderBackup(tmp_path).prepare()


async def test_a_backup_from_before_folders_were_marked_goes_on(tmp_path: Path) -> None:
    async with still(tmp_path / "data") as service:
        await host(service)
        await service.graph.backup.backup(service.graph.backup_to(tmp_path / "backup"))
        (tmp_path / "backup" / ".holdfast-backup").unlink()
        report = await service.graph.backup.backup(service.graph.backup_to(tmp_path / "backup"))

    assert report.kept == 1


async def test_only_files_named_like_images_are_copies(tmp_path: Path) -> None:
    target = FolderBackup(tmp_path / "backup")
    await target.prepare()
    for name in ("ana/one.png", "ana/notes.txt", "ana/more/two.png", "three.png", "notes/.hidden"):
        path = tmp_path / "backup" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    assert await target.keys() == {"ana/one.png"}


async def test_what_a_backup_cut_short_has_left_goes_with_the_next(tmp_path: Path) -> None:
    target = FolderBackup(tmp_path / "backup")
    await target.prepare()
    left, other = (tmp_path / "backup" / "images" / "ana" / name for name in ("one.png.part", "mine.part"))
    left.parent.mkdir()
    left.touch()
    other.touch()
    await target.prepare()

    assert (left.exists(), other.exists()) == (False, True)


async def test_a_copy_is_not_written_through_a_linked_folder(tmp_path: Path) -> None:
    source, elsewhere = tmp_path / "one.png", tmp_path / "elsewhere"
    source.write_bytes(b"one")
    elsewhere.mkdir()
    target = FolderBackup(tmp_path / "backup")
    await target.prepare()
    (tmp_path / "backup" / "images" / "ana").symlink_to(elsewhere)

    with pytest.raises(AppError):
        await target.add("ana/one.png", source, Digest(size=3, sha256="0" * 64))
    assert list(elsewhere.iterdir()) == []

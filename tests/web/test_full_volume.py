"""A volume that is nearly full: new work is refused at once, deletions and reading go on, a restart works."""

import os
from pathlib import Path

import pytest

from app.adapters.blobs.volume import VolumeBlobStore
from app.domain.errors import StorageFull
from app.domain.ports import Space
from tests.support.pictures import noise_png, png
from tests.support.service import serving
from tests.support.sources import data_uri

MEBIBYTE = 2**20


def leave(free: int, monkeypatch: pytest.MonkeyPatch, *, total: int = 1000 * MEBIBYTE) -> None:
    async def space(_: VolumeBlobStore) -> Space:
        return Space(total=total, free=free)

    monkeypatch.setattr(VolumeBlobStore, "space", space)


async def test_an_import_that_would_eat_the_reserve_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as service:
        leave(18 * MEBIBYTE, monkeypatch)
        answer = await service.import_url(data_uri(noise_png(MEBIBYTE // 2)))
        small = await service.import_url(data_uri(png(8, 8)))

    assert (answer.status, (await answer.json())["code"]) == (507, "storage_full")
    assert small.status == 201
    assert service.files() == [f"{(await small.json())['id']}.png"]


async def test_generating_is_refused_where_nothing_could_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as service:
        leave(10 * MEBIBYTE, monkeypatch)
        answer = await service.generate()

    assert answer.status == 507


async def test_what_is_there_is_served_and_can_be_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path) as service:
        image = await (await service.import_url(data_uri(png(8, 8)))).json()
        leave(0, monkeypatch)
        served = await service.http.get(image["url"])
        deleted = await service.http.delete(image["url"])

    assert (served.status, deleted.status) == (200, 204)


async def test_on_a_small_volume_the_reserve_is_a_tenth_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path) as service:
        leave(4 * MEBIBYTE, monkeypatch, total=24 * MEBIBYTE)
        answer = await service.import_url(data_uri(png(8, 8)))

    assert answer.status == 201


async def test_a_source_that_would_eat_the_reserve_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as service:
        blobs = service.graph.adapters.blobs
        async with blobs.stage() as staging:
            await staging.write(os.urandom(MEBIBYTE))
            leave(0, monkeypatch)
            with pytest.raises(StorageFull):
                await staging.write(os.urandom(8 * MEBIBYTE))

    assert list((tmp_path / "images" / ".staging").iterdir()) == []

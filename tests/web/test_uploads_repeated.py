"""Idempotency keys of uploads, and what is left when one fails half way: never a row without its file."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.adapters.blobs.volume import VolumeBlobStore
from app.adapters.catalog.images import SqlImages
from app.domain.errors import StorageUnavailable
from app.domain.ports import Space
from tests.support import pictures
from tests.support.disk import Crash
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.uploading import assert_nothing_is_left, upload

KEY = {"Idempotency-Key": "k-1"}


async def test_the_same_key_is_the_same_image(service: Service) -> None:
    first = await upload(service, pictures.png(), **KEY)
    again = await upload(service, pictures.png(), **KEY)

    assert (first.status, again.status) == (201, 201)
    assert await first.json() == await again.json()
    assert len(service.files()) == 1


async def test_the_same_key_at_once_is_one_image(service: Service) -> None:
    answers = await asyncio.gather(*(upload(service, pictures.png(), **KEY) for _ in range(8)))
    images = [await answer.json() for answer in answers]

    assert {answer.status for answer in answers} == {201}
    assert len({image["id"] for image in images}) == 1
    assert service.files() == [f"{images[0]['id']}.png"]


async def test_other_bytes_under_a_key_are_refused(service: Service) -> None:
    await upload(service, pictures.png(), **KEY)

    await problem_of(await upload(service, pictures.png(seed=1), **KEY), status=422, code="idempotency_key_reused")
    assert len(service.files()) == 1


async def test_a_key_is_its_owners(service: Service) -> None:
    hers = await (await upload(service, pictures.png(), **KEY)).json()
    his = await (await upload(service, pictures.png(), user="ben", **KEY)).json()

    assert hers["id"] != his["id"]


async def test_a_key_of_an_import_is_none_for_an_upload(service: Service) -> None:
    body = {"user_id": "ana", "url": data_uri(pictures.png())}
    await service.http.post("/v1/images/import", json=body, headers=KEY)

    await problem_of(await upload(service, pictures.png(), **KEY), status=422, code="idempotency_key_reused")


async def test_a_refused_upload_leaves_its_key_free(service: Service) -> None:
    await upload(service, b"no picture", **KEY)

    assert (await upload(service, pictures.png(), **KEY)).status == 201


async def test_repeating_brings_nothing_back(service: Service) -> None:
    image = await (await upload(service, pictures.png(), **KEY)).json()
    await service.http.delete(image["url"])

    await problem_of(await upload(service, pictures.png(), **KEY), status=410, code="image_deleted")
    assert service.files() == []


async def test_an_upload_the_catalog_does_not_take_leaves_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise StorageUnavailable("not now")

    with monkeypatch.context() as broken:
        broken.setattr(SqlImages, "add", fail)
        await problem_of(await upload(service, pictures.png()), status=503, code="storage_unavailable")
    await assert_nothing_is_left(service)


async def test_a_crash_before_the_row_leaves_a_file_that_recovery_sets_aside(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any, **__: Any) -> None:
        raise Crash

    with monkeypatch.context() as broken:
        broken.setattr(SqlImages, "add", crash)
        with pytest.raises(Exception):  # noqa: B017, PT011 (whatever the client makes of a connection that ends)
            await upload(service, pictures.png())
    left = service.files()
    service.clock.advance(2 * 3600)
    await service.graph.recovery.verify(repair=True)

    assert (len(left), service.files()) == (1, [])
    assert [path.name[:30] for path in (service.folder / "images" / ".quarantine" / "ana").iterdir()] == [left[0][:30]]


async def test_an_upload_that_would_eat_the_reserve_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def space(_: VolumeBlobStore) -> Space:
        return Space(total=1000 * 2**20, free=17 * 2**20)

    async with serving(tmp_path) as service:
        monkeypatch.setattr(VolumeBlobStore, "space", space)
        answer = await upload(service, pictures.noise_png(700_000))
        await problem_of(answer, status=507, code="storage_full")
        await assert_nothing_is_left(service)


async def test_a_catalog_and_files_agree_after_uploads(service: Service) -> None:
    for number in range(5):
        await upload(service, pictures.png(seed=number))
    service.clock.advance(timedelta(hours=2).total_seconds())

    assert (await service.graph.recovery.verify()).findings == []

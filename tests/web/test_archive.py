"""All originals of an owner in one ZIP."""

import asyncio
import io
import os
import re
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError

from app.domain.ids import ImageId, UserId
from app.web import archive
from tests.support.pictures import noise_png
from tests.support.problems import problem_of
from tests.support.raw import connected, request
from tests.support.service import Service
from tests.support.still import PICTURE, host, promise, still

PATH = "/v1/users/ana/images.zip"
MIB = 2**20


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path) as running:
        yield running


async def unzipped(service: Service, path: str = PATH) -> dict[str, bytes]:
    """Return what the archive holds, once `zipfile` finds nothing wrong with it."""
    response = await service.http.get(path)
    assert response.status == 200
    with zipfile.ZipFile(io.BytesIO(await response.read())) as found:
        assert found.testzip() is None
        names = found.namelist()
        assert len(set(names)) == len(names)
        return {name: found.read(name) for name in names}


def before_the_last_is_read(monkeypatch: pytest.MonkeyPatch, service: Service, deed: Any) -> None:
    """Let *deed* happen once everything is listed and all but the oldest image is sent."""
    read = service.graph.hosting.read

    async def later(user: UserId, image: ImageId) -> Any:
        if image.value == "oldest":
            await deed()
        return await read(user, image)

    monkeypatch.setattr(service.graph.hosting, "read", later)


async def test_every_original_is_in_it_byte_for_byte(service: Service) -> None:
    pictures = {f"pic-{number}": noise_png(10_000, seed=number) for number in range(5)}
    for name, content in pictures.items():
        await host(service, name, content=content)
    await host(service, "other", user="bob")

    assert await unzipped(service) == {f"{name}.png": content for name, content in pictures.items()}


async def test_it_is_saved_under_the_owners_name_and_kept_by_nobody(service: Service) -> None:
    headers = (await service.http.get(PATH)).headers

    assert headers["Content-Type"] == "application/zip"
    assert headers["Content-Disposition"] == 'attachment; filename="ana.zip"'
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("user", ["_0123abcdef", "000123.abc@example.com", "a+b=c~d-e"], ids=str)
async def test_an_odd_owner_makes_a_safe_file_name(service: Service, user: str) -> None:
    await host(service, user=user)
    response = await service.http.get(f"/v1/users/{user}/images.zip")

    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9_.@+=~-]+\.zip"', response.headers["Content-Disposition"])
    assert response.content_disposition is not None
    assert response.content_disposition.filename == f"{user}.zip"


async def test_an_owner_without_images_gets_an_empty_archive(service: Service) -> None:
    assert await unzipped(service) == {}


async def test_what_has_no_bytes_is_not_in_it(service: Service) -> None:
    await host(service, "stored")
    await host(service, "deleted")
    await service.http.delete("/v1/images/hosted/ana/deleted")
    await promise(service, "capturing")

    assert list(await unzipped(service)) == ["stored.png"]


async def test_entries_carry_the_time_they_were_hosted_and_can_be_read_by_their_owner(service: Service) -> None:
    image = await host(service)
    body = await (await service.http.get(PATH)).read()
    (entry,) = zipfile.ZipFile(io.BytesIO(body)).infolist()

    assert image.hosted_at is not None
    assert entry.date_time[:5] == image.hosted_at.timetuple()[:5]
    assert entry.external_attr >> 16 == 0o644
    assert entry.compress_type == zipfile.ZIP_STORED


async def test_it_goes_on_past_one_page_of_images(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_PER_PAGE", 2)
    for number in range(5):
        await host(service, f"pic-{number}")

    assert sorted(await unzipped(service)) == [f"pic-{number}.png" for number in range(5)]


async def test_head_has_the_head_of_get_and_reads_nothing(service: Service) -> None:
    await host(service)
    get = await service.http.get(PATH)
    async with connected(service) as line:
        await line.say(request("HEAD", PATH, "Connection: close"))
        head = await line.hear(has_body=False)
        assert await line.is_closed()

    alike = ("Content-Type", "Content-Disposition", "Cache-Control", "Content-Security-Policy")
    assert head.status == 200
    assert {name: head.headers[name] for name in alike} == {name: get.headers[name] for name in alike}


async def test_only_the_owner_and_a_service_key_get_it(tmp_path: Path) -> None:
    async with still(tmp_path, API_KEYS="a-service-key-of-some-length") as service:
        tokens = {
            user: service.graph.tokens.issue(UserId(user), expires_in=timedelta(hours=1))[0] for user in ("ana", "bob")
        }
        keys = ["a-service-key-of-some-length", tokens["ana"]]
        for key in keys:
            assert (await service.http.get(PATH, headers={"Authorization": f"Bearer {key}"})).status == 200
        anothers = await service.http.get(PATH, headers={"Authorization": f"Bearer {tokens['bob']}"})
        await problem_of(anothers, status=404, code="not_found")
        await problem_of(await service.http.get(PATH), status=401, code="unauthorized")


@pytest.mark.parametrize("user", [".hidden", "a%20b", "x" * 129], ids=["dot", "space", "long"])
async def test_what_is_no_owner_is_404(service: Service, user: str) -> None:
    await problem_of(await service.http.get(f"/v1/users/{user}/images.zip"), status=404, code="not_found")


async def test_what_is_deleted_meanwhile_is_left_out(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await host(service, "oldest")
    await host(service, "newest")

    async def delete() -> None:
        await service.graph.hosting.delete(UserId("ana"), ImageId("oldest"))

    before_the_last_is_read(monkeypatch, service, delete)

    assert list(await unzipped(service)) == ["newest.png"]


@pytest.mark.parametrize("content", [None, PICTURE[:-1]], ids=["gone", "short"])
async def test_an_archive_that_cannot_be_whole_does_not_look_whole(service: Service, content: bytes | None) -> None:
    await host(service, "oldest")
    await host(service, "newest", content=noise_png(10_000))
    path = service.folder / "images" / "ana" / "oldest.png"
    path.unlink() if content is None else path.write_bytes(content)

    with pytest.raises(ClientPayloadError):
        await (await service.http.get(PATH)).read()


async def test_a_store_that_fails_at_once_is_a_refusal(service: Service) -> None:
    await host(service)
    (service.folder / "images" / "ana" / "pic.png").unlink()

    await problem_of(await service.http.get(PATH), status=503, code="storage_unavailable")


async def test_more_than_a_plain_zip_can_address_is_written_as_zip64(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        await host(service, f"pic-{number}", content=noise_png(20_000, seed=number))
    # The limits of a plain ZIP, brought within reach; whoever reads goes by the real ones.
    with monkeypatch.context() as patched:
        patched.setattr(zipfile, "ZIP64_LIMIT", 15_000)
        patched.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
        body = await (await service.http.get(PATH)).read()
    found = zipfile.ZipFile(io.BytesIO(body))

    assert b"PK\x06\x06" in body  # the end record of ZIP64
    assert found.testzip() is None
    assert len(found.namelist()) == 4


async def test_it_takes_no_more_memory_than_a_few_chunks(service: Service) -> None:
    for number in range(3):
        await host(service, f"pic-{number}", content=bytes(16 * MIB + number))
    received = 0
    tracemalloc.start()
    try:
        async for chunk in (await service.http.get(PATH)).content.iter_any():
            received += len(chunk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert received > 48 * MIB
    assert peak < 6 * MIB


async def test_a_client_that_leaves_leaves_no_file_open(service: Service) -> None:
    for number in range(3):
        await host(service, f"pic-{number}", content=bytes(8 * MIB + number))
    async with connected(service) as line:
        await line.say(request("GET", PATH))
        await line.reader.readexactly(100_000)
        assert open_pictures()

    for _ in range(500):
        if not open_pictures():
            return
        await asyncio.sleep(0.01)
    pytest.fail("a picture is still open")


def open_pictures() -> list[str]:
    """Return the pictures this process has open."""
    targets = (os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
    return [target for target in targets if target.endswith(".png")]

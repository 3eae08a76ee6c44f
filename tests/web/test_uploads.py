"""POST /api/uploads/image: a picture comes in, is cleaned once, and is an image like any other."""

import asyncio
import hashlib
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.ids import UserId
from tests.support import pictures
from tests.support.metadata import SECRET, described, shown
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.uploading import ANA, UPLOAD, a_file, form, send, upload

KEY = "a-service-key-of-some-length"
FORMATS = {
    "png": ("image/png", pictures.png()),
    "jpg": ("image/jpeg", pictures.jpeg()),
    "webp": ("image/webp", pictures.webp()),
    "gif": ("image/gif", pictures.animated("GIF")),
    "avif": ("image/avif", pictures.avif()),
}
each_format = pytest.mark.parametrize(
    ("extension", "kind", "content"), [(name, *found) for name, found in FORMATS.items()], ids=FORMATS
)


@each_format
async def test_an_upload_is_answered_with_what_it_has_become(
    service: Service, extension: str, kind: str, content: bytes
) -> None:
    answer = await upload(service, content, kind)
    image = await answer.json()

    assert answer.status == 201
    assert image.keys() == {"id", "url", "width", "height", "size", "mime"}
    assert (image["width"], image["height"], image["mime"]) == (64, 48, kind)
    assert answer.headers["Location"] == image["url"]
    assert service.files() == [f"{image['id']}.{extension}"]


@each_format
async def test_it_is_served_at_once(service: Service, extension: str, kind: str, content: bytes) -> None:
    image = await (await upload(service, content, kind)).json()
    served = await service.http.get(image["url"])
    body = await served.read()

    assert image["url"].endswith(f"/v1/images/hosted/ana/{image['id']}.{extension}")
    assert (served.status, served.headers["Content-Type"]) == (200, kind)
    assert len(body) == image["size"]
    assert served.headers["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
    assert "immutable" in served.headers["Cache-Control"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "GIF"])
async def test_what_is_served_says_nothing_more(service: Service, kind: str) -> None:
    content = described(kind) + SECRET
    image = await (await upload(service, content)).json()
    body = await (await service.http.get(image["url"])).read()

    assert SECRET not in body
    assert shown(body) == shown(content)


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "GIF"])
async def test_exiftool_finds_nothing_in_what_is_served(service: Service, tmp_path: Path, kind: str) -> None:
    image = await (await upload(service, described(kind))).json()
    path = tmp_path / "served"
    path.write_bytes(await (await service.http.get(image["url"])).read())
    command = ["exiftool", "-a", "-G1", "-s", str(path)]
    found = (await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)).stdout.decode()

    assert not [line for line in found.splitlines() if line.startswith(("[GPS]", "[XMP", "[ExifIFD]", "[IFD"))]
    assert SECRET.decode() not in found


async def test_a_turned_picture_is_as_wide_as_it_is_shown(service: Service) -> None:
    image = await (await upload(service, described("JPEG", orientation=6), "image/jpeg")).json()
    body = await (await service.http.get(image["url"])).read()

    assert (image["width"], image["height"]) == (48, 64)
    assert shown(body)[0].orientation == 6


async def test_its_document_says_that_it_was_uploaded(service: Service) -> None:
    image = await (await upload(service, pictures.png())).json()
    document = await (await service.http.get(image["url"] + "/info")).json()

    assert (document["source"], document["status"]) == ("uploaded", "stored")
    assert document["size_bytes"] == image["size"]
    assert document["thumbhash"]
    assert document["replicate_url"] is None


async def test_a_picture_alone_is_a_body_too(service: Service) -> None:
    answer = await service.http.post(
        f"{UPLOAD}?user_id=ana", data=pictures.jpeg(), headers={"Content-Type": "image/jpeg"}
    )

    assert answer.status == 201
    assert (await answer.json())["mime"] == "image/jpeg"


async def test_a_chunked_body_is_as_good_as_any(service: Service) -> None:
    async def pieces() -> object:
        for byte in form(ANA, a_file()):
            yield bytes([byte])

    answer = await service.http.post(
        UPLOAD, data=pieces(), headers={"Content-Type": "multipart/form-data; boundary=a-boundary"}
    )

    assert answer.status == 201


async def test_the_same_picture_twice_is_two_images(service: Service) -> None:
    first, second = [await (await upload(service, pictures.png())).json() for _ in range(2)]

    assert first["id"] != second["id"]
    assert len(service.files()) == 2


async def test_the_gallery_copy_is_made_as_it_arrives(service: Service) -> None:
    image = await (await upload(service, pictures.png(800, 600))).json()

    assert list((service.folder / "variants" / "ana" / f"{image['id']}.png").iterdir())


async def test_an_upload_can_be_deleted(service: Service) -> None:
    image = await (await upload(service, pictures.png())).json()
    deleted = await service.http.delete(image["url"])
    gone = await service.http.get(image["url"])

    assert (deleted.status, gone.status, service.files()) == (204, 410, [])


async def test_the_owners_limit_counts_uploads(tmp_path: Path) -> None:
    async with serving(tmp_path, IMAGE_PER_USER_LIMIT="2", IMAGE_MIN_AGE_HOURS="0") as service:
        for _ in range(4):
            await upload(service, pictures.png())
            service.clock.advance(60)
        usage = await (await service.http.get("/v1/users/ana/usage")).json()

    assert usage["images"] == 2


async def test_an_upload_is_counted(service: Service) -> None:
    image = await (await upload(service, pictures.png())).json()
    metrics = await (await service.http.get("/metrics")).text()

    assert 'holdfast_images_total{status="stored"} 1.0' in metrics
    assert f"holdfast_stored_bytes_total {float(image['size'])}" in metrics


async def test_uploads_survive_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as before:
        image = await (await upload(before, pictures.png())).json()
    async with serving(tmp_path) as after:
        served = await after.http.get(f"/v1/images/hosted/ana/{image['id']}.png")

    assert served.status == 200


async def test_a_token_names_its_owner(tmp_path: Path) -> None:
    async with serving(tmp_path, API_KEYS=KEY) as service:
        token, _ = service.graph.tokens.issue(UserId("ben"), expires_in=timedelta(minutes=1))
        answer = await upload(service, pictures.png(), user=None, Authorization=f"Bearer {token}")

    assert answer.status == 201
    assert len(service.files("ben")) == 1


@pytest.mark.parametrize("place", ["form", "query"])
async def test_a_token_uploads_for_nobody_else(tmp_path: Path, place: str) -> None:
    async with serving(tmp_path, API_KEYS=KEY) as service:
        token, _ = service.graph.tokens.issue(UserId("ben"), expires_in=timedelta(minutes=1))
        path = UPLOAD if place == "form" else f"{UPLOAD}?user_id=ana"
        body = form(ANA, a_file()) if place == "form" else form(a_file())
        headers = {"Content-Type": "multipart/form-data; boundary=a-boundary", "Authorization": f"Bearer {token}"}
        await problem_of(await service.http.post(path, data=body, headers=headers), status=404, code="not_found")

        assert service.files() == service.files("ben") == []


async def test_a_service_key_has_to_name_the_owner(service: Service) -> None:
    problem = await problem_of(await send(service, form(a_file())), status=422, code="invalid_request")

    assert problem["field"] == "user_id"


async def test_the_owner_can_be_named_after_the_file(service: Service) -> None:
    assert (await send(service, form(a_file(), ANA))).status == 201


async def test_capabilities_say_how_large_it_may_be(service: Service) -> None:
    limits = (await (await service.http.get("/v1/capabilities")).json())["limits"]

    assert limits["asset_bytes"] == 25 * 2**20
    assert limits["temporary_bytes"] == 256 * 2**20

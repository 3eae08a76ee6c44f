"""Variants through the whole application: another format by the extension, another width by `?w=`."""

import base64
import hashlib
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest
from aiohttp import ClientResponse
from PIL import Image

from tests.support import pictures
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.still import promise, still

PICTURE = pictures.png(400, 300)
URL = "/v1/images/hosted/ana/pic"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path, CAPTURE_READ_WAIT="0") as running:
        await host(running)
        yield running


async def host(service: Service, image: str = "pic", content: bytes = PICTURE) -> None:
    answer = await service.import_url(data_uri(content), image_id=image)
    assert answer.status == 201, await answer.text()


async def get(service: Service, path: str, method: str = "GET", **fields: str) -> ClientResponse:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return await service.http.request(method, path, headers=headers, allow_redirects=False)


def shown(content: bytes) -> tuple[str | None, tuple[int, int]]:
    with Image.open(BytesIO(content)) as found:
        return found.format, found.size


@pytest.mark.parametrize(
    ("path", "content_type", "kind", "size"),
    [
        (".webp", "image/webp", "WEBP", (400, 300)),
        (".jpg", "image/jpeg", "JPEG", (400, 300)),
        (".jpeg", "image/jpeg", "JPEG", (400, 300)),
        (".AVIF", "image/avif", "AVIF", (400, 300)),
        ("?w=160", "image/png", "PNG", (160, 120)),
        (".png?w=160", "image/png", "PNG", (160, 120)),
        (".webp?w=160", "image/webp", "WEBP", (160, 120)),
        (".jpg?w=320", "image/jpeg", "JPEG", (320, 240)),
        (".webp?w=640", "image/webp", "WEBP", (400, 300)),
    ],
)
async def test_a_variant_is_what_its_path_says(
    service: Service, path: str, content_type: str, kind: str, size: tuple[int, int]
) -> None:
    response = await get(service, URL + path)

    assert (response.status, response.headers["Content-Type"]) == (200, content_type)
    assert shown(await response.read()) == (kind, size)


@pytest.mark.parametrize("path", ["", ".png", "?w=640", ".png?w=1080"])
async def test_the_original_stays_byte_for_byte(service: Service, path: str) -> None:
    assert await (await get(service, URL + path)).read() == PICTURE


async def test_the_stable_url_is_the_original_whatever_its_extension_says(service: Service) -> None:
    content = pictures.webp(400, 300)
    await host(service, "truly", content)
    url = "/v1/images/hosted/ana/truly"
    original = await get(service, url + ".png")
    assert (original.headers["Content-Type"], await original.read()) == ("image/webp", content)
    narrow = await get(service, url + ".png?w=160")
    assert (narrow.headers["Content-Type"], shown(await narrow.read())) == ("image/webp", ("WEBP", (160, 120)))
    assert shown(await (await get(service, url + ".jpg")).read())[0] == "JPEG"


async def test_a_variant_has_facts_of_its_own(service: Service) -> None:
    response = await get(service, URL + ".webp?w=160")
    content = await response.read()
    sha = hashlib.sha256(content)

    assert response.headers["ETag"] == f'"{sha.hexdigest()}"'
    assert response.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(sha.digest()).decode()}:"
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["Content-Disposition"] == 'inline; filename="pic.webp"'
    assert "Vary" not in response.headers
    for word in ("public", "max-age=31536000", "immutable", "s-maxage=86400"):
        assert word in response.headers["Cache-Control"]
    assert response.headers["Last-Modified"] == (await get(service, URL)).headers["Last-Modified"]


@pytest.mark.parametrize("path", [".webp", "?w=160", ".avif?w=320"])
async def test_head_makes_what_get_would_send(service: Service, path: str) -> None:
    head, body = await get(service, URL + path, "HEAD"), await get(service, URL + path)
    assert (head.status, await head.read()) == (200, b"")
    varying = {"Date", "X-Request-Id"}
    assert {k: v for k, v in head.headers.items() if k.title() not in varying} == {
        k: v for k, v in body.headers.items() if k.title() not in varying
    }


async def test_ranges_and_conditions_are_those_of_the_variant(service: Service) -> None:
    whole = await get(service, URL + ".webp?w=320")
    content, tag = await whole.read(), whole.headers["ETag"]
    part = await get(service, URL + ".webp?w=320", Range="bytes=10-19", If_Range=tag)
    assert (part.status, await part.read()) == (206, content[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(content)}"
    assert (await get(service, URL + ".webp?w=320", If_None_Match=tag)).status == 304
    assert (await get(service, URL + ".webp?w=160", If_None_Match=tag)).status == 200
    assert (await get(service, URL, If_None_Match=tag)).status == 200
    await problem_of(await get(service, URL + ".webp?w=320", If_Match='"x"'), status=412, code="precondition_failed")


async def test_a_tag_that_is_known_is_304_even_if_the_variant_has_to_be_made_again(service: Service) -> None:
    tag = (await get(service, URL + ".jpg?w=160")).headers["ETag"]
    for file in (service.folder / "variants" / "ana" / "pic.png").iterdir():
        file.unlink()
    assert (await get(service, URL + ".jpg?w=160", If_None_Match=tag)).status == 304


@pytest.mark.parametrize(
    "query", ["w=", "w=0", "w=161", "w=0160", "w=%20160", "w=-160", "w=1e2", "w=160&w=160", "w=160&w=320", "w=9" * 3]
)
@pytest.mark.parametrize("path", [URL, URL + ".webp", "/v1/images/hosted/ana/none"])
async def test_a_width_that_is_not_made_is_422(service: Service, path: str, query: str) -> None:
    document = await problem_of(await get(service, f"{path}?{query}"), status=422, code="invalid_request")
    assert document["field"] == "w"
    assert "160, 320, 640, 1080" in document["detail"]


@pytest.mark.parametrize("path", [".gif", ".gif?w=160"])
async def test_nothing_is_converted_to_gif(service: Service, path: str) -> None:
    document = await problem_of(await get(service, URL + path), status=422, code="invalid_request")
    assert document["field"] == "image"


@pytest.mark.parametrize("extension", ["heic", "jxl", "svg", "bmp"])
async def test_an_extension_nobody_knows_is_404(service: Service, extension: str) -> None:
    document = await problem_of(await get(service, f"{URL}.{extension}"), status=404, code="not_found")
    assert document["field"] == "image"


async def test_an_animation_goes_on_as_webp_and_stands_still_elsewhere(service: Service) -> None:
    content = pictures.animated("GIF", width=200, height=100)
    await host(service, "moving", content)
    url = "/v1/images/hosted/ana/moving"
    assert await (await get(service, url + ".gif")).read() == content
    for path, kind, frames in (
        (".webp", "WEBP", 3),
        (".gif?w=160", "WEBP", 3),
        ("?w=160", "WEBP", 3),
        (".jpg", "JPEG", 1),
    ):
        with Image.open(BytesIO(await (await get(service, url + path)).read())) as found:
            assert (found.format, getattr(found, "n_frames", 1)) == (kind, frames)


@pytest.mark.parametrize("path", [".webp", "?w=160"])
async def test_an_image_on_its_way_has_no_variants_yet(tmp_path: Path, path: str) -> None:
    async with still(tmp_path) as service:
        await promise(service, "later")
        response = await get(service, "/v1/images/hosted/ana/later" + path)
        await problem_of(response, status=503, code="still_capturing")
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [".webp", "?w=160", ".jpg?w=320"])
async def test_a_deleted_image_has_no_variants(service: Service, path: str) -> None:
    assert (await get(service, URL + path)).status == 200
    assert (await service.http.delete(URL)).status == 204
    document = await problem_of(await get(service, URL + path), status=410, code="image_deleted")
    assert document["reason"] == "user_request"
    assert not (service.folder / "variants" / "ana").exists()


async def test_an_image_that_never_was_has_no_variants(service: Service) -> None:
    await problem_of(await get(service, "/v1/images/hosted/ana/none.webp?w=160"), status=404, code="not_found")


async def test_erasing_an_owner_leaves_no_variant(service: Service) -> None:
    await get(service, URL + ".jpg")
    assert (await service.http.delete("/v1/users/ana")).status == 204
    assert [*(service.folder / "variants").glob("[!.]*")] == []


async def test_variants_are_nobodys_bytes(service: Service) -> None:
    await get(service, URL + ".avif")
    usage = await (await service.http.get("/v1/users/ana/usage")).json()
    assert (usage["images"], usage["bytes"]) == (1, len(PICTURE))


async def test_the_widths_and_formats_are_told(service: Service) -> None:
    told = await (await service.http.get("/v1/capabilities")).json()
    assert told["variant_widths"] == [160, 320, 640, 1080]
    assert told["variant_formats"] == ["image/png", "image/jpeg", "image/webp", "image/avif"]


async def test_the_widths_are_a_setting(tmp_path: Path) -> None:
    async with serving(tmp_path, IMAGE_VARIANT_WIDTHS="64, 32", IMAGE_GALLERY_WIDTH="0") as service:
        await host(service)
        assert shown(await (await get(service, URL + "?w=32")).read()) == ("PNG", (32, 24))
        await problem_of(await get(service, URL + "?w=160"), status=422, code="invalid_request")

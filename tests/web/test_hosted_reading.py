"""Reading a hosted image through the whole application."""

import base64
import hashlib
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from aiohttp import ClientResponse

from tests.support.pictures import noise_png
from tests.support.problems import assert_problem, problem_of
from tests.support.service import Service
from tests.support.still import PICTURE, host, promise, still

URL = "/v1/images/hosted/ana/pic"
SIZE = len(PICTURE)
SHA = hashlib.sha256(PICTURE)
ETAG = f'"{SHA.hexdigest()}"'


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with still(tmp_path) as running:
        await host(running)
        yield running


async def get(service: Service, path: str = URL, method: str = "GET", **fields: str) -> ClientResponse:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    return await service.http.request(method, path, headers=headers, allow_redirects=False)


@pytest.mark.parametrize("path", [URL, URL + ".png", URL + ".PNG", URL + ".png?x=1"])
async def test_the_bytes_come_with_or_without_the_extension(service: Service, path: str) -> None:
    response = await get(service, path)
    assert (response.status, await response.read()) == (200, PICTURE)
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Length"] == str(SIZE)


@pytest.mark.parametrize("extension", ["exe", "html", "svg", "png.html", "png.", "", "jpgg"])
async def test_an_extension_of_no_image_is_404(service: Service, extension: str) -> None:
    await problem_of(await get(service, f"{URL}.{extension}"), status=404, code="not_found")


async def test_everything_a_client_needs_is_in_the_head(service: Service) -> None:
    headers = (await get(service)).headers
    assert headers["ETag"] == ETAG
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(SHA.digest()).decode()}:"
    assert parsedate_to_datetime(headers["Last-Modified"]) <= parsedate_to_datetime(headers["Date"])
    assert headers["Content-Disposition"] == 'inline; filename="pic.png"'
    assert "Vary" not in headers


async def test_a_public_image_is_kept_for_a_year_and_by_the_edge_for_a_day(service: Service) -> None:
    cache = (await get(service)).headers["Cache-Control"]
    for word in ("public", "max-age=31536000", "immutable", "s-maxage=86400", "stale-if-error="):
        assert word in cache


async def test_the_edge_can_be_told_to_keep_it_for_less(tmp_path: Path) -> None:
    async with still(tmp_path, IMAGE_EDGE_MAX_AGE="60") as service:
        await host(service)
        assert "s-maxage=60" in (await get(service)).headers["Cache-Control"]


async def test_downloading_is_only_another_disposition(service: Service) -> None:
    response = await get(service, URL + "?download=1")
    assert response.headers["Content-Disposition"] == 'attachment; filename="pic.png"'
    assert await response.read() == PICTURE


@pytest.mark.parametrize("path", [URL, URL + ".png", URL + "?download=1"])
async def test_head_says_what_get_would(service: Service, path: str) -> None:
    body, head = await get(service, path), await get(service, path, "HEAD")
    assert (head.status, await head.read()) == (200, b"")
    varying = {"Date", "X-Request-Id"}
    assert {k: v for k, v in head.headers.items() if k.title() not in varying} == {
        k: v for k, v in body.headers.items() if k.title() not in varying
    }


@pytest.mark.parametrize(
    ("field", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, SIZE), ("bytes=-5", SIZE - 5, SIZE), ("bytes=0-99999999", 0, SIZE)],
)
async def test_a_range_is_206(service: Service, field: str, start: int, stop: int) -> None:
    response = await get(service, Range=field)
    assert (response.status, await response.read()) == (206, PICTURE[start:stop])
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert response.headers["ETag"] == ETAG
    assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize("field", ["items=0-5", "bytes=abc", "bytes=5-3", "bytes", ""])
async def test_a_range_that_means_nothing_is_ignored(service: Service, field: str) -> None:
    assert (await get(service, Range=field)).status == 200


@pytest.mark.parametrize("field", ["bytes=-0", f"bytes={SIZE}-", "bytes=99999999999999999999-"])
async def test_a_range_beyond_the_end_is_416(service: Service, field: str) -> None:
    response = await get(service, Range=field)
    await problem_of(response, status=416, code="range_not_satisfiable")
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    ("tag", "status"), [(ETAG, 206), ('"another"', 200), (f"W/{ETAG}", 200)], ids=["same", "other", "weak"]
)
async def test_a_resumed_download_starts_over_unless_it_is_the_same_image(
    service: Service, tag: str, status: int
) -> None:
    response = await get(service, Range="bytes=10-", If_Range=tag)
    assert response.status == status
    assert await response.read() == (PICTURE[10:] if status == 206 else PICTURE)


@pytest.mark.parametrize("tag", [ETAG, f"W/{ETAG}", "*", f'"a", {ETAG}'])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_copy_at_hand_is_304(service: Service, tag: str, method: str) -> None:
    response = await get(service, method=method, If_None_Match=tag)
    assert (response.status, await response.read()) == (304, b"")
    assert response.headers["ETag"] == ETAG
    assert "immutable" in response.headers["Cache-Control"]


async def test_a_copy_as_old_as_the_image_is_304(service: Service) -> None:
    modified = (await get(service)).headers["Last-Modified"]
    assert (await get(service, If_Modified_Since=modified)).status == 304
    assert (await get(service, If_Modified_Since=modified, If_None_Match='"other"')).status == 200


async def test_a_condition_that_fails_is_412(service: Service) -> None:
    await problem_of(await get(service, If_Match='"other"'), status=412, code="precondition_failed")
    assert (await get(service, If_Match=ETAG)).status == 200


async def test_a_large_image_is_the_same_byte_for_byte(service: Service) -> None:
    content = noise_png(3_000_000)
    await host(service, "large", content=content)
    assert await (await get(service, "/v1/images/hosted/ana/large")).read() == content
    part = await get(service, "/v1/images/hosted/ana/large", Range="bytes=1000000-2000000")
    assert await part.read() == content[1_000_000:2_000_001]


@pytest.mark.parametrize("path", ["/v1/images/hosted/ana/none", "/v1/images/hosted/nobody/pic.png"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_unknown_image_is_404(service: Service, path: str, method: str) -> None:
    response = await get(service, path, method)
    assert response.status == 404
    assert response.headers["Cache-Control"] == "no-store"
    if method == "GET":
        assert_problem(404, response.headers, await response.json(content_type=None), code="not_found")


async def test_an_image_on_its_way_is_503_and_kept_nowhere(service: Service) -> None:
    await promise(service, "later")
    response = await get(service, "/v1/images/hosted/ana/later.png")
    document = await problem_of(response, status=503, code="still_capturing")
    assert document["retryable"] is True
    assert int(response.headers["Retry-After"]) >= 1
    assert response.headers["Cache-Control"] == "no-store"


async def test_a_missing_file_is_our_failure_and_kept_nowhere(service: Service) -> None:
    (service.folder / "images" / "ana" / "pic.png").unlink()
    response = await get(service)
    await problem_of(response, status=503, code="storage_unavailable")
    assert response.headers["Cache-Control"] == "no-store"

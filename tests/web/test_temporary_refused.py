"""Data URLs that are no picture for a provider: each refused in its own words, and nothing of it is left."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import hostile_pictures as hostile
from tests.support import pictures
from tests.support.problems import assert_problem, problem_of
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.uploading import assert_nothing_is_left, post_json

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = data_uri(pictures.png(8, 6))
BASE64 = GOOD.partition(",")[2]
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with serving(tmp_path_factory.mktemp("temporary"), ASSET_MAX_IMAGE_MB="1") as running:
        yield running


async def create(service: Service, text: Any, **more: Any) -> ClientResponse:
    return await post_json(service, "/api/images", {"user_id": "ana", "data_url": text, **more})


REFUSED = {
    "nothing": ("", "not_a_data_url"),
    "a url": ("https://example.com/a.png", "not_a_data_url"),
    "bare base64": (BASE64, "not_a_data_url"),
    "space before": (" " + GOOD, "not_a_data_url"),
    "no type": (f"data:;base64,{BASE64}", "type_not_allowed"),
    "svg": ("data:image/svg+xml;base64," + base64.b64encode(SVG).decode(), "type_not_allowed"),
    "html": ("data:text/html;base64," + base64.b64encode(hostile.HTML).decode(), "type_not_allowed"),
    "octets": (GOOD.replace("image/png", "application/octet-stream"), "type_not_allowed"),
    "heic": (GOOD.replace("image/png", "image/heic"), "type_not_allowed"),
    "not in base64": ("data:image/png,%89PNG", "not_base64"),
    "base64 later": ("data:image/png;base64;x=y," + BASE64, "not_base64"),
    "empty": ("data:image/png;base64,", "empty"),
    "only padding": ("data:image/png;base64,====", "not_base64"),
    "other letters": ("data:image/png;base64,!!!!", "not_base64"),
    "url-safe letters": (GOOD.replace("/", "_").replace("+", "-").replace("image_png", "image/png"), "not_base64"),
    "a space": (GOOD[:100] + " " + GOOD[100:], "not_base64"),
    "a line": (GOOD[:100] + "\r\n" + GOOD[100:], "not_base64"),
    "percent signs": (GOOD.replace("=", "%3D") if "=" in GOOD else GOOD + "%3D", "not_base64"),
    "no padding": ("data:image/png;base64,QQ", "not_base64"),
    "more padding": (GOOD + "====", "not_base64"),
    "more after the padding": ("data:image/png;base64,QQ==QQ==", "not_base64"),
    "not ascii": (GOOD[:-1] + "\u00e9", "not_base64"),
    "svg as png": (data_uri(SVG), "unsupported_format"),
    "html as png": (data_uri(hostile.HTML), "not_an_image"),
    "jpeg as png": (data_uri(pictures.jpeg()), "type_mismatch"),
    "png as jpeg": (GOOD.replace("image/png", "image/jpeg"), "type_mismatch"),
    "half a picture": (data_uri(pictures.png()[:-40]), "truncated"),
    "bytes after the end": (data_uri(pictures.png() + hostile.ZIP), "trailing_bytes"),
    "no width": (data_uri(hostile.zero_sized()["png width"]), "zero_size"),
    "a bomb": (data_uri(hostile.bomb_png()), "too_many_pixels"),
    "endless": (data_uri(hostile.endless_apng()), "too_many_frames"),
    "damaged": (data_uri(pictures.png().replace(b"IDAT", b"IDAZ")), "corrupt"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_picture_is_refused_with_why(service: Service, text: str, reason: str) -> None:
    problem = await problem_of(await create(service, text), status=422, code="source_rejected")

    assert problem["reason"] == reason
    await assert_nothing_is_left(service)


@pytest.mark.parametrize(
    "head",
    [
        "data:image/png;base64,",
        "DATA:IMAGE/PNG;BASE64,",
        "data:image/png;charset=utf-8;base64,",
        "data:image/apng;base64,",
    ],
)
async def test_a_head_may_be_written_in_other_ways(service: Service, head: str) -> None:
    answer = await create(service, head + BASE64)
    image = await answer.json()

    assert answer.status == 201
    await service.http.delete(image["url"])


@pytest.mark.parametrize("payload", ["A", "!"], ids=["base64", "anything"])
async def test_too_much_is_refused_before_it_is_decoded(service: Service, payload: str) -> None:
    text = "data:image/png;base64," + payload * (4 * (2**20 // 3 + 1))
    problem = await problem_of(await create(service, text), status=413, code="too_large")

    assert problem["field"] == "data_url"
    await assert_nothing_is_left(service)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "data_url"),
        ({"data_url": 1}, "data_url"),
        ({"data_url": None}, "data_url"),
        ({"data_url": GOOD}, "user_id"),
        ({"data_url": GOOD, "user_id": ".."}, "user_id"),
        ({"data_url": GOOD, "user_id": "ana", "ttl": 3}, "ttl"),
    ],
)
async def test_a_bad_body_is_refused_by_field(service: Service, body: dict[str, Any], field: str) -> None:
    answer = await service.http.post("/api/images", json=body)

    assert (answer.status, (await answer.json(content_type=None))["field"]) == (422, field)
    await assert_nothing_is_left(service)


@settings(max_examples=80, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(text=st.text(max_size=60) | st.text("data:image/png;base64,QQ== \n", max_size=60).map("data:image/png".__add__))
async def test_any_text_is_refused_without_a_trace(service: Service, text: str) -> None:
    answer = await create(service, text)

    assert answer.status in {400, 422}
    assert_problem(answer.status, answer.headers, await answer.json(content_type=None))
    await assert_nothing_is_left(service)


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(where=st.integers(0, len(BASE64) - 1), letter=st.sampled_from("AQz09+/=-_% \n\u00e9"))
async def test_one_wrong_letter_is_refused_or_harmless(service: Service, where: int, letter: str) -> None:
    changed = BASE64[:where] + letter + BASE64[where + 1 :]
    answer = await create(service, f"data:image/png;base64,{changed}")
    if answer.status == 201:
        image = await answer.json()
        assert await (await service.http.get(image["url"])).read() == base64.b64decode(changed, validate=True)
        await service.http.delete(image["url"])
    await assert_nothing_is_left(service)

"""POST /v1/images/import: images inside the URL."""

import base64

import pytest

from tests.support import pictures
from tests.support.service import Service


def data_uri(content: bytes, label: str = "image/png") -> str:
    return f"data:{label};base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize(
    ("content", "label", "extension"),
    [
        (pictures.png(), "image/png", "png"),
        (pictures.webp(), "application/octet-stream", "webp"),
        (pictures.jpeg(), "", "jpg"),
        (pictures.png(), "image/png;charset=utf-8", "png"),
    ],
    ids=["png", "octet-stream", "no label", "with a parameter"],
)
async def test_a_data_uri_is_an_image_like_any_other(
    service: Service, content: bytes, label: str, extension: str
) -> None:
    answer = await service.import_url(data_uri(content, label))
    image = await answer.json()
    served = await service.http.get(image["url"])

    assert answer.status == 201
    assert image["url"].endswith(".png")
    assert image["replicate_url"] is None
    assert await served.read() == content
    assert service.files() == [f"{image['id']}.{extension}"]


async def test_the_same_data_uri_is_the_same_image(service: Service) -> None:
    first = await (await service.import_url(data_uri(pictures.png()))).json()
    again = await service.import_url(data_uri(pictures.png()))

    assert (again.status, (await again.json())["id"]) == (200, first["id"])


async def test_a_large_data_uri_is_stored(service: Service) -> None:
    content = pictures.noise_png(700_000)
    image = await (await service.import_url(data_uri(content))).json()

    assert image["size_bytes"] == len(content)


@pytest.mark.parametrize(
    "uri",
    [
        "data:image/png;base64,",
        "data:image/png,plain",
        "data:image/png;base64,!!!!",
        "data:image/png;base64,aGVsbG8=",
        "data:image/png;base64,aGVsbG8",
        "data:",
        data_uri(pictures.png()) + "====",
        data_uri(b"<html></html>"),
        data_uri(pictures.png()[:-8]),
    ],
    ids=["empty", "not base64", "no base64", "text", "no padding", "bare", "padding", "html", "truncated"],
)
async def test_a_data_uri_that_holds_no_image_is_refused(service: Service, uri: str) -> None:
    answer = await service.import_url(uri)
    problem = await answer.json()

    assert (answer.status, problem["code"]) == (422, "source_rejected")
    assert problem["reason"]
    assert service.files() == []

"""Data URLs in an input by what they hold: what is hosted as what, what is judged, and what goes on as it came."""

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from devkit.fal import Behaviour, FalStandIn
from tests.support import hostile_pictures as hostile
from tests.support import pictures
from tests.support.beside_fal import MODEL, beside, reachable
from tests.support.problems import problem_of
from tests.support.service import Service
from tests.support.sources import data_uri
from tests.support.uploading import post_json

LARGE = pictures.noise_png(400 * 1024)
SOUND = b"ID3\x04" + bytes(400 * 1024)
ON = {"FAL_USE_UPLOAD": "true"}


@pytest.fixture
async def service(tmp_path: Path, fal: FalStandIn) -> AsyncIterator[Service]:
    async with reachable(tmp_path, fal) as running:
        yield running


def written(head: str, content: bytes) -> str:
    return head + b64encode(content).decode()


def kept(service: Service) -> int:
    """Return how many temporary files there are."""
    return sum(len(found.name) == 36 for found in (service.folder / "temporary").iterdir())


async def generate(service: Service, given: dict[str, Any], **more: Any) -> ClientResponse:
    body = {"user_id": "ana", "provider": "fal", "model": MODEL, "input": given, **more}
    return await post_json(service, "/v1/images/generate", body)


async def hosted(service: Service, fal: FalStandIn, text: str) -> ClientResponse:
    """Return what the provider gets in place of *text* while its generation lasts."""
    fal.behaviours[MODEL] = Behaviour(running=3600)
    assert (await generate(service, {"file": text}, wait=0)).status == 202
    url = fal.requests[0].input["file"]
    assert url.startswith(f"{service.url}/api/images/")
    served = await service.http.get(url)
    await served.read()
    return served


@pytest.mark.parametrize(
    "text",
    [
        written("data:application/octet-stream;base64,", LARGE),
        written("data:;base64,", LARGE),
        written("data:audio/wav;base64,", LARGE),
        written("data:; BASE64,", LARGE),
        f" \n{data_uri(LARGE)}\n",
        written("data:application/octet-stream;name=a.png;base64,", LARGE),
    ],
    ids=["bytes", "nothing said", "called a sound", "spelled otherwise", "blanks around", "parameters"],
)
async def test_a_picture_is_hosted_as_what_it_is(service: Service, fal: FalStandIn, text: str) -> None:
    served = await hosted(service, fal, text)

    assert await served.read() == LARGE
    assert (served.url.suffix, served.headers["Content-Type"]) == (".png", "image/png")
    assert served.headers["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize(
    ("declared", "extension", "content_type"),
    [
        ("audio/mpeg", "mp3", "audio/mpeg"),
        ("audio/x-wav", "wav", "audio/wav"),
        ("audio/webm;codecs=opus", "webm", "video/webm"),
        ("AUDIO/MP4", "m4a", "audio/mp4"),
        ("video/mp4", "mp4", "video/mp4"),
        ("application/pdf", "pdf", "application/pdf"),
        ("text/plain;charset=utf-8", "txt", "application/octet-stream"),
        ("text/html", "bin", "application/octet-stream"),
        ("font/woff2", "bin", "application/octet-stream"),
        ("application/octet-stream", "bin", "application/octet-stream"),
        ("", "bin", "application/octet-stream"),
    ],
)
async def test_any_other_file_is_hosted_as_it_came(
    service: Service, fal: FalStandIn, declared: str, extension: str, content_type: str
) -> None:
    served = await hosted(service, fal, written(f"data:{declared};base64,", SOUND))

    assert await served.read() == SOUND
    assert (served.url.suffix, served.headers["Content-Type"]) == (f".{extension}", content_type)


async def test_no_browser_opens_what_nobody_looked_into(service: Service, fal: FalStandIn) -> None:
    served = await hosted(service, fal, written("data:text/html;base64,", hostile.HTML + bytes(300 * 1024)))

    assert (served.headers["Cache-Control"], served.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert served.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in served.headers["Content-Security-Policy"]


async def test_a_file_goes_by_its_own_extension_only(service: Service, fal: FalStandIn) -> None:
    url = str((await hosted(service, fal, written("data:audio/mpeg;base64,", SOUND))).url)
    stem = url.removesuffix(".mp3")

    assert [(await service.http.get(stem + ending)).status for ending in ("", ".mp3", ".png", ".bin")] == [
        *(200, 200, 404, 404)
    ]


async def test_a_file_survives_a_restart_and_ends_with_its_generation(tmp_path: Path, fal: FalStandIn) -> None:
    async with reachable(tmp_path, fal) as before:
        fal.behaviours[MODEL] = Behaviour(running=3600)
        given = {"file": written("data:audio/mpeg;base64,", SOUND)}
        promise = await (await generate(before, given, wait=0)).json()
        path = fal.requests[0].input["file"].removeprefix(before.url)
    async with reachable(tmp_path, fal) as after:
        served = await after.http.get(path)
        assert (await served.read(), served.headers["Content-Type"]) == (SOUND, "audio/mpeg")
        fal.advance(3601)
        await after.settled(promise["generation_id"])
        assert kept(after) == 0


async def test_a_large_sound_goes_by_address(service: Service, fal: FalStandIn) -> None:
    served = await hosted(service, fal, written("data:audio/wav;base64,", bytes(9_000_000)))
    assert len(await served.read()) == 9_000_000


@pytest.mark.parametrize(
    "head",
    ["data:text/plain,", "data:,", "data:audio/wav;base64x,", "database: "],
    ids=["text", "nothing said", "not quite base64", "no data URL at all"],
)
async def test_what_is_not_in_base64_goes_on_as_it_came(service: Service, fal: FalStandIn, head: str) -> None:
    asked = {"audio_url": head + "A" * 400_000}
    assert (await generate(service, asked)).status == 200
    assert fal.requests[0].input == asked


REFUSED = {
    "sound, not base64": ("data:audio/wav;base64," + "!" * 400_000, "not_base64"),
    "half a picture, as bytes": (written("data:application/octet-stream;base64,", LARGE[:-2000]), "truncated"),
    "half a picture, nothing said": (written("data:;base64,", LARGE[:-2000]), "truncated"),
    "small svg as png": (data_uri(b"<svg/>"), "unsupported_format"),
    "small html as png": (data_uri(hostile.HTML), "not_an_image"),
    "small jpeg as png": (data_uri(pictures.jpeg()), "type_mismatch"),
    "small half": (data_uri(pictures.png()[:-40]), "truncated"),
    "small, not base64": ("data:image/png;base64,!!!!", "not_base64"),
    "small, in percent signs": ("data:image/png,%89PNG", "not_base64"),
    "empty": ("data:image/webp;base64,", "empty"),
}


@pytest.mark.parametrize("settings", [{}, ON], ids=["hosting", "uploading"])
@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
async def test_what_is_broken_is_refused_at_any_size(
    tmp_path: Path, fal: FalStandIn, text: str, reason: str, settings: dict[str, str]
) -> None:
    async with reachable(tmp_path, fal, **settings) as service:
        answer = await generate(service, {"prompt": "a fox", "a": [{"b": text}]})
        problem = await problem_of(answer, status=422, code="source_rejected")
        assert (problem["field"], problem["reason"], kept(service)) == ("input.a.0.b", reason, 0)

    assert (fal.requests, fal.uploads) == ([], [])


@pytest.mark.parametrize(
    "text",
    [
        written("data:image/svg+xml;base64,", b"<svg/>"),
        "data:image/svg+xml,<svg/>",
        written("data:audio/wav;base64,", b"RIFF"),
        written("data:;base64,", b"anything"),
        f" {data_uri(pictures.png())} ",
    ],
    ids=["svg", "svg as text", "sound", "nothing said", "a picture between blanks"],
)
async def test_what_is_small_goes_on_as_it_came(service: Service, fal: FalStandIn, text: str) -> None:
    assert (await generate(service, {"x": text})).status == 200
    assert fal.requests[0].input == {"x": text}


async def test_small_pictures_are_judged_where_nobody_reaches_us_too(tmp_path: Path, fal: FalStandIn) -> None:
    async with beside(tmp_path, fal) as service:
        await problem_of(await generate(service, {"x": data_uri(b"<svg/>")}), status=422, code="source_rejected")
    assert fal.requests == []


async def test_any_large_file_is_put_into_the_storage(tmp_path: Path, fal: FalStandIn) -> None:
    given = {"a": written("data:audio/mpeg;base64,", SOUND), "b": written("data:;base64,", LARGE)}
    async with reachable(tmp_path, fal, **ON) as service:
        await generate(service, given)

    assert [(each.content, each.content_type) for each in fal.uploads] == [(SOUND, "audio/mpeg"), (LARGE, "image/png")]
    assert [each.url.rpartition(".")[2] for each in fal.uploads] == ["mp3", "png"]


async def test_there_are_not_too_many(service: Service, fal: FalStandIn) -> None:
    given = {"x": [data_uri(pictures.png())[:-8] + f"{number:04}" + "AAAA" for number in range(200)]}
    problem = await problem_of(await generate(service, given), status=422, code="invalid_request")
    assert (problem["field"], fal.requests) == ("input", [])


async def test_a_full_house_names_the_field(tmp_path: Path, fal: FalStandIn) -> None:
    async with reachable(tmp_path, fal, TEMPORARY_MAX_MB="1") as service:
        given = {"a": data_uri(LARGE), "image": written("data:audio/mpeg;base64,", bytes(900_000))}
        problem = await problem_of(await generate(service, given), status=507, code="storage_full")
        assert (problem["field"], kept(service)) == ("input.image", 0)


async def test_a_file_is_bounded_as_a_picture_is(tmp_path: Path, fal: FalStandIn) -> None:
    async with reachable(tmp_path, fal, ASSET_MAX_IMAGE_MB="1") as service:
        answer = await generate(service, {"a": written("data:audio/mpeg;base64,", bytes(2**20 + 1))})
        problem = await problem_of(answer, status=413, code="too_large")
    assert problem["field"] == "input.a"


@pytest.mark.parametrize("kind", ["audio/mpeg", "application/octet-stream", ""])
async def test_whoever_hosts_by_hand_hosts_pictures_only(service: Service, kind: str) -> None:
    body = {"user_id": "ana", "data_url": written(f"data:{kind};base64,", LARGE)}
    problem = await problem_of(await post_json(service, "/api/images", body), status=422, code="source_rejected")
    assert problem["reason"] == "type_not_allowed"

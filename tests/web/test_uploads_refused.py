"""Uploads that are refused: each in its own words, and nothing of it is left."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support import hostile_pictures as hostile
from tests.support import pictures
from tests.support.problems import assert_problem, problem_of
from tests.support.raw import connected, exchange
from tests.support.service import Service, serving
from tests.support.uploading import ANA, BOUNDARY, UPLOAD, a_file, assert_nothing_is_left, form, send, upload
from tests.support.waiting import until

HEAD = f"POST {UPLOAD}?user_id=ana HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
PNG = b"Content-Type: image/png\r\n"
FORM = f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n".encode()
MIB = 2**20


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path, ASSET_MAX_IMAGE_MB="1", REQUEST_BODY_SECONDS="0.3") as running:
        yield running


REJECTED = {
    "nothing": (b"", "empty"),
    "text": (b"hello", "not_an_image"),
    "html": (hostile.HTML, "not_an_image"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
    "tiff": (b"II*\0" + bytes(64), "unsupported_format"),
    "half a png": (pictures.png()[:-30], "truncated"),
    "half a jpeg": (pictures.jpeg()[:-30], "truncated"),
    "half a webp": (pictures.webp()[:-30], "truncated"),
    "half a gif": (pictures.gif()[:-30], "truncated"),
    "a bomb": (hostile.bomb_png(), "too_many_pixels"),
    "no width": (hostile.zero_sized()["png width"], "zero_size"),
    "endless": (hostile.endless_apng(), "too_many_frames"),
    "damaged": (pictures.png().replace(b"IDAT", b"IDAZ"), "corrupt"),
    "more data than pixels": (hostile.excess_png(), "excess_data"),
}


@pytest.mark.parametrize(("content", "reason"), REJECTED.values(), ids=REJECTED)
async def test_what_is_no_picture_is_refused_with_why(service: Service, content: bytes, reason: str) -> None:
    problem = await problem_of(await upload(service, content), status=422, code="source_rejected")

    assert problem["reason"] == reason
    await assert_nothing_is_left(service)


async def test_a_body_of_nothing_is_told_as_that(service: Service) -> None:
    answer = await service.http.post(UPLOAD + "?user_id=ana", data=b"", headers={"Content-Type": "image/png"})
    problem = await problem_of(answer, status=422, code="source_rejected")

    assert problem["reason"] == "empty"
    await assert_nothing_is_left(service)


@pytest.mark.parametrize(
    ("kind", "content"),
    [("image/png", pictures.jpeg()), ("image/jpeg", pictures.png()), ("text/html", pictures.png())],
    ids=["jpeg as png", "png as jpeg", "png as html"],
)
async def test_a_picture_that_is_not_what_it_is_declared_to_be_is_refused(
    service: Service, kind: str, content: bytes
) -> None:
    problem = await problem_of(await upload(service, content, kind), status=415, code="content_type_mismatch")

    assert problem["field"] == "file"
    await assert_nothing_is_left(service)


@pytest.mark.parametrize("kind", ["image/jpg", "IMAGE/JPEG", "image/pjpeg", "application/octet-stream", None])
async def test_a_type_that_is_right_in_other_words_or_not_said_is_fine(service: Service, kind: str | None) -> None:
    assert (await upload(service, pictures.jpeg(), kind)).status == 201


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "multipart/mixed", None])
async def test_other_bodies_are_415_unread(service: Service, kind: str | None) -> None:
    said = f"Content-Type: {kind}\r\n".encode() if kind else b""
    reply = await exchange(service, HEAD + said + b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n")

    assert_problem(415, reply.headers, reply.json(), code="unsupported_media_type")
    assert reply.interim == ()


@pytest.mark.parametrize("kind", [PNG, FORM], ids=["picture", "form"])
async def test_too_large_a_body_is_refused_before_any_of_it(service: Service, kind: bytes) -> None:
    reply = await exchange(service, HEAD + kind + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (2 * MIB))

    assert_problem(413, reply.headers, reply.json(), code="too_large")
    assert (reply.interim, reply.json()["field"]) == ((), "file")
    await assert_nothing_is_left(service)


@pytest.mark.parametrize("size", [MIB, MIB + 1])
async def test_the_limit_is_of_the_picture_not_of_the_form(service: Service, size: int) -> None:
    problem = await (await upload(service, bytes(size))).json(content_type=None)

    assert problem["code"] == ("source_rejected" if size == MIB else "too_large")
    await assert_nothing_is_left(service)


async def test_a_chunked_body_is_refused_once_it_is_too_long(service: Service) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    async with connected(service) as line:
        await line.say(HEAD + PNG + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17)
        reply = await line.hear()

    assert_problem(413, reply.headers, reply.json(), code="too_large")
    await assert_nothing_is_left(service)


@pytest.mark.parametrize("kind", [PNG, FORM], ids=["picture", "form"])
async def test_a_body_that_stops_is_given_up(service: Service, kind: bytes) -> None:
    body = form(ANA, a_file(pictures.png()))
    reply = await exchange(service, HEAD + kind + b"Content-Length: 99999\r\n\r\n" + body[:200])

    assert_problem(408, reply.headers, reply.json(), code="request_timeout")
    await assert_nothing_is_left(service)


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(service: Service) -> None:
    staging = service.folder / "images" / ".staging"
    async with connected(service) as line:
        await line.say(HEAD + PNG + b"Content-Length: 99999\r\n\r\n" + pictures.png()[:200])
        await until(lambda: any(staging.iterdir()))
    await until(lambda: not any(staging.iterdir()))
    await assert_nothing_is_left(service)


async def test_a_steady_upload_may_take_longer_than_a_body_may(tmp_path: Path) -> None:
    content = pictures.noise_png(40_000)
    settings = {"REQUEST_BODY_SECONDS": "0.3", "UPLOAD_MIN_RATE_KB": "16"}
    async with serving(tmp_path, **settings) as service, connected(service) as line:
        await line.say(HEAD + PNG + b"Content-Length: %d\r\n\r\n" % len(content))
        for start in range(0, len(content), 4000):
            await line.say(content[start : start + 4000])
            await asyncio.sleep(0.05)
        reply = await line.hear()

    assert reply.status == 201


async def test_nothing_is_taken_where_nothing_is_hosted(tmp_path: Path) -> None:
    async with serving(tmp_path, IMAGE_HOSTING_ENABLED="false") as service:
        await problem_of(await upload(service, pictures.png()), status=503, code="hosting_disabled")
        await assert_nothing_is_left(service)


async def test_the_form_and_the_query_have_to_agree(service: Service) -> None:
    answer = await service.http.post(
        f"{UPLOAD}?user_id=ben", data=form(ANA, a_file()), headers={"Content-Type": FORM.decode()[14:].strip()}
    )
    problem = await problem_of(answer, status=422, code="invalid_request")

    assert problem["field"] == "user_id"
    await assert_nothing_is_left(service, ["ana", "ben"])


async def test_a_bad_owner_is_refused(service: Service) -> None:
    problem = await problem_of(await upload(service, pictures.png(), user="../ana"), status=422, code="invalid_request")

    assert problem["field"] == "user_id"
    await assert_nothing_is_left(service)


async def test_a_bad_idempotency_key_is_refused_before_the_body(service: Service) -> None:
    reply = await exchange(
        service,
        HEAD + PNG + b"Content-Length: 1000\r\nExpect: 100-continue\r\nIdempotency-Key: a b\r\n\r\n",
    )

    assert (reply.status, reply.interim) == (422, ())


async def test_the_service_lives_on(service: Service) -> None:
    for content, _ in REJECTED.values():
        await upload(service, content)

    assert (await send(service, form(ANA, a_file()))).status == 201

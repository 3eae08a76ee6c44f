"""Questions that cannot be answered: each refused in words, by field, and nothing is kept of it."""

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from devkit.ollama import BLIND, ApiFault, Behaviour, OllamaStandIn
from tests.support.beside_ollama import beside
from tests.support.conversing import SAY, form, said, say, sessions, show, start
from tests.support.events import heard
from tests.support.pictures import noise_png, png
from tests.support.ports import free_port
from tests.support.problems import problem_of
from tests.support.raw import connected, request
from tests.support.service import Service
from tests.support.sources import data_uri
from tests.support.uploading import BOUNDARY, assert_nothing_is_left, part, post_json, upload
from tests.support.uploading import form as raw_form

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODYS = f"ses_{'0' * 26}"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
FILE = ('filename="a.png"', "Content-Type: image/png")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def talking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Service, OllamaStandIn]]:
    folder = tmp_path_factory.mktemp("refused")
    settings = {"CHAT_MESSAGE_MAX_CHARS": "100", "IMAGE_MAX_SIZE_MB": "1", "REQUEST_MAX_MB": "2"}
    async with OllamaStandIn() as ollama, beside(folder, ollama, **settings) as service:
        yield service, ollama


@pytest.fixture
def ollama(talking: tuple[Service, OllamaStandIn]) -> OllamaStandIn:
    talking[1].chats.clear()
    return talking[1]


@pytest.fixture
def service(talking: tuple[Service, OllamaStandIn], ollama: OllamaStandIn) -> Service:
    return talking[0]


def picture_part(content: bytes, name: str = "images") -> bytes:
    return part(name, content).replace(b'"images"', b'"images"; filename="a.png"')


JSON: dict[str, tuple[dict[str, Any], int, str, str | None]] = {
    "nothing": ({}, 422, "invalid_request", "message"),
    "no words": ({"message": "  \n"}, 422, "invalid_request", "message"),
    "no pictures either": ({"message": "", "images": []}, 422, "invalid_request", "message"),
    "too many words": ({"message": "x" * 101}, 422, "invalid_request", "message"),
    "a number": ({"message": 7}, 422, "invalid_request", "message"),
    "a misspelt field": ({"mesage": "Hello"}, 422, "unknown_field", "mesage"),
    "another field of Ollama's": ({"message": "Hello", "stream": True}, 422, "unknown_field", "stream"),
    "20 pictures": ({"message": "Look", "images": ["img_a"] * 20}, 422, "invalid_request", "images"),
    "a picture elsewhere": (
        {"message": "Look", "images": ["https://a.example/b.png"]},
        422,
        "invalid_request",
        "images",
    ),
    "a picture that is none": ({"message": "Look", "images": [7]}, 422, "invalid_request", "images.0"),
    "an unknown session": ({"message": "Hello", "session_id": NOBODYS}, 404, "not_found", "session_id"),
    "no session id": ({"message": "Hello", "session_id": "ses_1"}, 404, "not_found", "session_id"),
    "an unknown model": ({"message": "Hello", "model": "nobody/none:1b"}, 404, "model_not_found", "model"),
    "nothing but nulls": ({"message": None, "images": None}, 422, "invalid_request", "message"),
    "a user that is none": ({"message": "Hello", "user_id": "."}, 422, "invalid_request", "user_id"),
    "a picture of nobody alone": ({"images": ["img_of_nobody"]}, 404, "not_found", "images"),
    "no picture alone": ({"images": [data_uri(b"no picture")]}, 422, "source_rejected", "images"),
    "data that are none": ({"images": ["data:image/png;base64,%%%"]}, 422, "source_rejected", "images"),
    "data of no image": ({"images": ["data:text/html;base64,PGI+"]}, 422, "source_rejected", "images"),
    "a picture nobody can see": ({"images": [data_uri(png())], "model": BLIND}, 422, "vision_unsupported", "images"),
    "a picture that is too large": ({"images": [data_uri(noise_png(1_200_000))]}, 413, "too_large", "images"),
}


@pytest.mark.parametrize("name", JSON)
async def test_what_cannot_be_answered_is_refused(service: Service, ollama: OllamaStandIn, name: str) -> None:
    body, status, code, field = JSON[name]
    answer = await post_json(service, SAY, {"user_id": "ana", **body})
    problem = await problem_of(answer, status=status, code=code)

    assert problem.get("field") == field
    assert ollama.chats == []
    assert await sessions(service.http) == []
    await assert_nothing_is_left(service, ())


async def test_a_model_that_is_not_there_is_named(service: Service) -> None:
    problem = await problem_of(await say(service.http, model="nobody/none:1b"), status=404, code="model_not_found")

    assert "nobody/none:1b" in problem["title"] + problem["detail"]


FORMS: dict[str, tuple[bytes, int, str, str | None]] = {
    "nothing": (raw_form(part("user_id", b"ana")), 422, "invalid_request", "message"),
    "no file chosen": (
        raw_form(part("user_id", b"ana"), part("images").replace(b'"images"', b'"images"; filename=""')),
        422,
        "invalid_request",
        "message",
    ),
    "a misspelt field": (raw_form(part("user_id", b"ana"), part("mesage", b"x")), 422, "unknown_field", "mesage"),
    "the field of uploads": (raw_form(part("user_id", b"ana"), part("file", png())), 422, "unknown_field", "file"),
    "two messages": (raw_form(part("message", b"a"), part("message", b"b")), 422, "invalid_request", "message"),
    "words that are none": (
        raw_form(part("user_id", b"ana"), part("message", b"\xff\xfe")), 422, "invalid_request", "message"
    ),
    "too many words": (
        raw_form(part("user_id", b"ana"), part("message", b"x" * 101)), 422, "invalid_request", "message"
    ),
    "far too many words": (raw_form(part("message", b"x" * 401)), 413, "too_large", "message"),
    "five pictures": (
        raw_form(*[picture_part(png(4, 4))] * 5, part("user_id", b"ana"), part("message", b"Look")),
        422,
        "invalid_request",
        "images",
    ),
    "an id that is none": (
        raw_form(part("user_id", b"ana"), part("images", b"not/an/id")), 422, "invalid_request", "images"
    ),
    "an empty file": (raw_form(part("user_id", b"ana"), picture_part(b"")), 422, "source_rejected", "images"),
    "no end": (raw_form(part("user_id", b"ana"), part("message", b"x"))[:-6], 400, "malformed_body", None),
    "a file that is too large": (
        raw_form(part("user_id", b"ana"), picture_part(noise_png(1_200_000))), 413, "too_large", "images"
    ),
    "a form that is too large": (
        raw_form(part("user_id", b"ana"), picture_part(b"x" * 4_300_000)), 413, "too_large", None
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
async def test_a_form_that_cannot_be_answered_is_refused(service: Service, ollama: OllamaStandIn, name: str) -> None:
    body, status, code, field = FORMS[name]
    answer = await service.http.post(SAY, data=BytesIO(body), headers=FORM)
    problem = await problem_of(answer, status=status, code=code)

    assert problem.get("field") == field
    assert ollama.chats == []
    await assert_nothing_is_left(service, ())


async def test_one_picture_too_many_is_refused_before_it_is_read(service: Service) -> None:
    most = raw_form(*[picture_part(png(4, 4))] * 4)[: -len(f"--{BOUNDARY}--\r\n")]
    begun = picture_part(b"")[:-2] + b"the fifth"
    head = request("POST", SAY, f"Content-Type: {FORM['Content-Type']}", "Content-Length: 3000000")
    async with connected(service) as line:
        await line.say(head + most + begun)
        reply = await line.hear()

    assert (reply.status, reply.json()["field"]) == (422, "images")


async def test_what_is_too_long_is_refused_before_it_is_sent(service: Service) -> None:
    head = request("POST", SAY, f"Content-Type: {FORM['Content-Type']}", "Content-Length: 9000000")
    async with connected(service) as line:
        await line.say(head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        reply = await line.hear()

    assert (reply.status, reply.interim) == (413, ())


async def test_other_bodies_are_not_understood(service: Service) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "image/png"):
        answer = await service.http.post(SAY, data=b"message=Hello", headers={"Content-Type": kind})
        await problem_of(answer, status=415, code="unsupported_media_type")


async def test_anothers_conversation_is_not_there(service: Service) -> None:
    session = start(await said(service, user_id="bob"))["session_id"]
    answer = await say(service.http, session_id=session)

    assert (await problem_of(answer, status=404, code="not_found"))["field"] == "session_id"


async def test_a_form_may_name_pictures_that_are_here(service: Service, ollama: OllamaStandIn) -> None:
    image = await (await upload(service, png(colour="red"))).json()
    body = form("Look")
    body.add_field("images", image["id"])
    body.add_field("images", data_uri(png(colour="blue")))
    await heard(await service.http.post(SAY, data=body))

    assert [each.colour for each in ollama.chats[0].pictures] == ["red", "blue"]
    await service.http.delete("/v1/users/ana")


async def test_a_file_field_left_empty_is_no_picture(service: Service, ollama: OllamaStandIn) -> None:
    empty = part("images").replace(b'"images"', b'"images"; filename=""')
    body = raw_form(part("user_id", b"ana"), part("message", b"Hello"), part("session_id"), part("model"), empty)
    events = await heard(await service.http.post(SAY, data=body, headers=FORM))

    assert [event.name for event in events if event.name == "warning"] == []
    assert ollama.chats[0].question == "Hello"
    await service.http.delete("/v1/users/ana")


async def test_without_a_model_to_ask_the_service_says_what_is_missing(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama, OLLAMA_MODEL="") as service:
        problem = await problem_of(await say(service.http), status=503, code="provider_not_configured")
        named = await said(service, model=BLIND)

    assert "OLLAMA_MODEL" in problem["detail"]
    assert named[-1].data["model"] == BLIND


async def test_nobody_at_home_can_be_tried_again(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama, OLLAMA_HOST=f"http://127.0.0.1:{free_port()}") as service:
        answers = [await say(service.http), await show(service.http, "Look", png())]
        for answer in answers:
            assert (await problem_of(answer, status=503, code="model_unavailable"))["retryable"] is True
        await assert_nothing_is_left(service)
        assert await sessions(service.http) == []


async def test_a_model_that_refuses_at_once_is_an_ordinary_refusal(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama) as service:
        for status, code in ((500, "model_failed"), (503, "model_unavailable")):
            ollama.api_faults.add(ApiFault(on="chat", status=status))
            answer = await show(service.http, "Look", png())
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert (await answer.json(content_type=None))["code"] == code
        await assert_nothing_is_left(service)
        assert await sessions(service.http) == []


async def test_too_many_who_wait_are_told_to_come_later(tmp_path: Path, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour(answer="One moment.", holds_after=1))
    bounds = {"OLLAMA_CONCURRENCY": "1", "OLLAMA_QUEUE_LIMIT": "1"}
    async with beside(tmp_path, ollama, **bounds) as service:
        first, second = await say(service.http), await say(service.http)
        refused = await say(service.http)
        problem = await problem_of(refused, status=503, code="overloaded")
        assert int(refused.headers["Retry-After"]) > 0
        ollama.release()
        assert (await heard(first))[-1].name == "done"
        await ollama.arrived(2)
        ollama.release()
        assert (await heard(second))[-1].name == "done"

    assert problem["retryable"] is True
    ollama.behave(None, Behaviour())


@pytest.mark.parametrize("alone", [False, True], ids=["with words", "alone"])
async def test_where_pictures_are_off_a_picture_alone_is_refused(
    tmp_path: Path, ollama: OllamaStandIn, *, alone: bool
) -> None:
    async with beside(tmp_path, ollama, IMAGE_UPLOAD_ENABLED="false") as service:
        answer = await show(service.http, None if alone else "Hello", png())
        if alone:
            await problem_of(answer, status=422, code="pictures_disabled")
        else:
            assert (await heard(answer))[-1].name == "done"


async def test_a_key_is_needed_where_there_are_keys(tmp_path: Path, ollama: OllamaStandIn) -> None:
    key = "a-service-key-of-some-length"
    async with beside(tmp_path, ollama, API_KEYS=key) as service:
        await problem_of(await say(service.http), status=401, code="unauthorized")
        async with ClientSession(service.url, headers={"Authorization": f"Bearer {key}"}) as http:
            assert (await problem_of(await say(http, user_id=None), status=422, code="invalid_request"))[
                "field"
            ] == "user_id"
            body = {"message": "Hello", "user_id": "zoe"}
            session = start(await heard(await http.post(SAY, json=body)))["session_id"]
            assert [each["id"] for each in await sessions(http, "zoe")] == [session]

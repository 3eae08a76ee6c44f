"""Talking about pictures, from the upload to the conversation that is kept, over real sockets."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.web.openapi import describe
from app.web.routes import ROUTES
from devkit.ollama import SEEING, Behaviour, Ending, OllamaStandIn
from tests.support.beside_ollama import beside
from tests.support.conversing import messages, said, say, sessions, show, start, warnings
from tests.support.events import Heard, hear, heard, names_of, text_of
from tests.support.fleet import metrics
from tests.support.pictures import jpeg, png
from tests.support.schemas import Checker
from tests.support.service import Service
from tests.support.sources import data_uri
from tests.support.uploading import upload

pytestmark = pytest.mark.asyncio(loop_scope="module")

RED = png(64, 48, colour="red")
BLUE = png(32, 64, colour="blue")
AWKWARD = "Ein Käfer 🐞 und 日本語 "


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def talking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Service, OllamaStandIn]]:
    async with OllamaStandIn() as ollama, beside(tmp_path_factory.mktemp("chat"), ollama) as service:
        yield service, ollama


@pytest.fixture
def ollama(talking: tuple[Service, OllamaStandIn]) -> OllamaStandIn:
    stand_in = talking[1]
    stand_in.chats.clear()
    stand_in.journal.entries.clear()
    stand_in.behave(None, Behaviour())
    return stand_in


@pytest.fixture
def service(talking: tuple[Service, OllamaStandIn], ollama: OllamaStandIn) -> Service:
    return talking[0]


async def test_text_alone_is_answered_and_kept(service: Service) -> None:
    events = await said(service, "Good morning!")
    ids, done = start(events), events[-1].data
    question, answer = await messages(service.http, ids["session_id"])

    assert names_of(events) == ["start", "token", "done"]
    assert done["model"] == SEEING
    assert done["content_length"] == len(text_of(events))
    assert (done["done_reason"], done["message_id"]) == ("stop", ids["message_id"])
    assert done["eval_count"] > 0
    assert (question["role"], question["content"], question["number"]) == ("user", "Good morning!", 1)
    assert (answer["role"], answer["content"], answer["number"]) == ("assistant", text_of(events), 2)
    assert (answer["status"], answer["stream_id"], answer["model"]) == ("complete", ids["stream_id"], SEEING)
    assert answer["counters"]["eval_count"] == done["eval_count"]
    assert (question["has_images"], question["images"]) == (False, [])


async def test_an_uploaded_picture_is_looked_at(service: Service, ollama: OllamaStandIn) -> None:
    image = await (await upload(service, RED, "image/png")).json()
    events = await said(service, images=[image["id"]])
    question, _ = await messages(service.http, start(events)["session_id"])

    assert "mostly red" in text_of(events)
    assert [(each.format, each.colour) for each in ollama.chats[0].pictures] == [("JPEG", "red")]
    assert question["has_images"]
    assert [(each["id"], each["url"], each["source"]) for each in question["images"]] == [
        (image["id"], image["url"], "uploaded")
    ]


async def test_a_data_url_becomes_a_private_picture_of_the_conversation(service: Service) -> None:
    events = await said(service, images=[data_uri(RED)])
    question, _ = await messages(service.http, start(events)["session_id"])
    (image,) = question["images"]
    shown = await service.http.get(image["url"])

    assert "mostly red" in text_of(events)
    assert (image["source"], image["url"]) == ("chat", f"{service.url}/api/images/{image['id']}")
    assert (shown.status, shown.content_type) == (200, "image/png")
    assert shown.headers["Cache-Control"].startswith("private")


async def test_a_form_brings_pictures_in_their_order(service: Service, ollama: OllamaStandIn) -> None:
    events = await heard(await show(service.http, "Which is taller?", RED, BLUE))
    question, answer = await messages(service.http, start(events)["session_id"])

    assert [each.colour for each in ollama.chats[0].pictures] == ["red", "blue"]
    assert [(each["width"], each["height"]) for each in question["images"]] == [(64, 48), (32, 64)]
    assert question["content"] == "Which is taller?"
    assert answer["content"] == text_of(events)


WORDS = {"line": "\u2028", "bom": "\ufeff", "crlf": "\r\n", "long": "🐞" * 10_000, "control": "\x1b"}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
async def test_words_come_back_as_they_were(service: Service, ollama: OllamaStandIn, words: str) -> None:
    asked = f"a{words}z"
    ollama.behave(None, Behaviour(tokens=(asked,)))
    for events in (await said(service, asked), await heard(await show(service.http, asked))):
        kept = await messages(service.http, start(events)["session_id"])
        assert [each["content"] for each in kept] == [asked, asked]
        assert text_of(events) == asked
    assert [chat.question for chat in ollama.chats] == [asked, asked]


async def test_a_picture_needs_no_words(service: Service) -> None:
    in_a_form = await heard(await show(service.http, None, RED))
    as_json = await said(service, None, images=[data_uri(BLUE)])

    assert "mostly red" in text_of(in_a_form)
    assert "mostly blue" in text_of(as_json)


async def test_a_model_gets_an_upright_jpeg_and_what_is_kept_stays_as_it_was(
    service: Service, ollama: OllamaStandIn
) -> None:
    turned = jpeg(2000, 1000, orientation=6)
    events = await heard(await show(service.http, "Look", turned, kind="image/jpeg"))
    (seen,) = ollama.chats[0].pictures
    (image,) = (await messages(service.http, start(events)["session_id"]))[0]["images"]

    assert (seen.format, seen.width, seen.height) == ("JPEG", 512, 1024)
    assert (image["width"], image["height"], image["content_type"]) == (1000, 2000, "image/jpeg")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
async def test_tokens_come_whole_wherever_the_stream_is_cut(service: Service, ollama: OllamaStandIn, size: int) -> None:
    tokens = tuple(AWKWARD)
    ollama.behave(None, Behaviour(tokens=tokens, bytes_at_once=size))
    events = await said(service)

    assert tuple(event.data["content"] for event in events if event.name == "token") == tokens
    assert events[-1].data["content_length"] == len(AWKWARD)
    assert (await messages(service.http, start(events)["session_id"]))[1]["content"] == AWKWARD


async def test_earlier_turns_go_along_with_their_pictures(service: Service, ollama: OllamaStandIn) -> None:
    first = await heard(await show(service.http, "What is it?", RED))
    session = start(first)["session_id"]
    second = await said(service, "And its colour?", session_id=session)
    turns = ollama.chats[1].messages

    assert start(second)["session_id"] == session
    assert [(turn.role, turn.content) for turn in turns] == [
        ("user", "What is it?"),
        ("assistant", text_of(first)),
        ("user", "And its colour?"),
    ]
    assert [len(turn.pictures) for turn in turns] == [1, 0, 0]
    assert [each["number"] for each in await messages(service.http, session)] == [1, 2, 3, 4]
    latest = (await sessions(service.http))[0]
    assert (latest["id"], latest["title"], latest["messages"]) == (session, "What is it?", 4)


async def test_what_a_model_thinks_is_not_what_it_says(service: Service, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour(answer="Four.", thinking=("two", " and two")))

    assert text_of(await said(service, model="gemma4:12b")) == "Four."


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no picture at all", "source_rejected"),
        (RED[:-40], "source_rejected"),
        (RED + b"\0" * 1_100_000, "too_large"),
    ],
    ids=["no picture", "cut off", "too large"],
)
async def test_a_picture_that_fails_does_not_lose_the_message(
    tmp_path: Path, ollama: OllamaStandIn, content: bytes, code: str
) -> None:
    async with beside(tmp_path, ollama, IMAGE_MAX_SIZE_MB="1") as service:
        events = await heard(await show(service.http, "Look", content, BLUE))
        question, _ = await messages(service.http, start(events)["session_id"])

    assert warnings(events) == [code]
    assert names_of(events) == ["start", "warning", "token", "done"]
    assert [each.colour for each in ollama.chats[0].pictures] == ["blue"]
    assert len(question["images"]) == 1


async def test_anothers_picture_is_as_one_that_is_not_there(service: Service, ollama: OllamaStandIn) -> None:
    image = await (await upload(service, RED, user="bob")).json()
    foreign = await said(service, "Look", images=[image["id"]])
    missing = await said(service, "Look", images=["img_of_nobody"])

    assert [event.data for event in foreign if event.name == "warning"] == [
        event.data for event in missing if event.name == "warning"
    ]
    assert warnings(foreign) == ["not_found"]
    assert [chat.pictures for chat in ollama.chats] == [(), ()]


async def test_a_model_that_loads_is_waited_for_with_signs_of_life(tmp_path: Path, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour(answer="At last.", holds_after=0))
    said_so_far: list[Heard] = []
    pings = 0
    async with beside(tmp_path, ollama, CHAT_PING_SECONDS="0.05", RESPONSE_STALL_SECONDS="0.3") as service:
        async for event in hear(await say(service.http)):
            pings += event.name == "ping"
            if pings == 12:  # twice as long as a reader may take to read
                ollama.release()
            if event.name != "ping":
                said_so_far.append(event)

    assert names_of(said_so_far) == ["start", "token", "done"]
    assert text_of(said_so_far) == "At last."


async def test_every_event_is_as_it_is_described(tmp_path: Path, ollama: OllamaStandIn) -> None:
    checker = Checker(describe(ROUTES))
    ollama.behave(None, Behaviour(ends_after=2, ending=Ending.ERROR))
    async with beside(tmp_path, ollama) as service:
        failed = await heard(await show(service.http, "Look", b"no picture"))
        ollama.behave(None, Behaviour())
        whole = await said(service)
        page = await (await service.http.get("/api/sessions?user_id=ana")).json()
        listed = await (await service.http.get(f"/api/sessions/{page['sessions'][0]['id']}/messages")).json()

    assert {event.name for event in failed + whole} == {"start", "warning", "token", "error", "done"}
    for event in failed + whole:
        assert checker.problems(event.data, {"$ref": f"#/components/schemas/Answer{event.name.capitalize()}"}) == []
    assert checker.problems(page, {"$ref": "#/components/schemas/SessionPage"}) == []
    assert checker.problems(listed, {"$ref": "#/components/schemas/MessagePage"}) == []


async def test_the_same_request_again_is_told_the_same_answer(service: Service, ollama: OllamaStandIn) -> None:
    body, headers = {"user_id": "ana", "message": "Hello"}, {"Idempotency-Key": "one"}
    first = await heard(await service.http.post("/api/stream-message", json=body, headers=headers))
    again = await heard(await service.http.post("/api/stream-message", json=body, headers=headers))
    other = await service.http.post("/api/stream-message", json=body | {"message": "Bye"}, headers=headers)

    assert (start(first), text_of(first)) == (start(again), text_of(again))
    assert len(ollama.chats) == 1
    assert (await other.json())["code"] == "idempotency_key_reused"


async def test_answers_are_counted(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama) as service:
        await heard(await show(service.http, "Look", RED, BLUE))
        ollama.behave(None, Behaviour(ends_after=1, ending=Ending.ERROR))
        await said(service)
        found = await metrics(service.http)

    assert found['holdfast_answers_total{status="complete"}'] == 1
    assert found['holdfast_answers_total{status="failed"}'] == 1
    assert found["holdfast_chat_pictures_total"] == 2
    assert found["holdfast_first_token_seconds_count"] == 2
    assert found["holdfast_answers_under_way"] == 0


async def test_the_picture_is_the_one_that_was_sent(service: Service) -> None:
    events = await said(service, images=[f"data:image/png;base64,{base64.b64encode(RED).decode()}"])
    (image,) = (await messages(service.http, start(events)["session_id"]))[0]["images"]

    assert await (await service.http.get(image["url"])).read() == RED

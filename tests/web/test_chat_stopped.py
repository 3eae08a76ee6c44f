"""Answers that end early: because somebody wants no more, has left, or because something goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.domain.ids import StreamId
from devkit.ollama import Behaviour, Ending, OllamaStandIn
from tests.support.beside_ollama import beside
from tests.support.conversing import SAY, begun, messages, said, say, sessions, show, start
from tests.support.events import Heard, hear, heard, names_of, text_of
from tests.support.pictures import png
from tests.support.problems import problem_of
from tests.support.raw import connected, request
from tests.support.service import Service
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOME = Behaviour(answer="One two three four", holds_after=2)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def talking(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Service, OllamaStandIn]]:
    async with OllamaStandIn() as ollama, beside(tmp_path_factory.mktemp("stopped"), ollama) as service:
        yield service, ollama


@pytest.fixture
def ollama(talking: tuple[Service, OllamaStandIn]) -> OllamaStandIn:
    talking[1].chats.clear()
    talking[1].behave(None, SOME)
    return talking[1]


@pytest.fixture
def service(talking: tuple[Service, OllamaStandIn], ollama: OllamaStandIn) -> Service:
    return talking[0]


async def rest_of(events: AsyncIterator[Heard]) -> list[Heard]:
    async with asyncio.timeout(5):
        return [event async for event in events if event.name != "ping"]


async def ended(service: Service, session: str) -> dict[str, Any]:
    """Return the answer in a conversation once it has ended, which is soon."""

    async def has_ended() -> bool:
        return bool((await messages(service.http, session))[-1]["status"] != "streaming")

    await until(has_ended, seconds=2)
    return (await messages(service.http, session))[-1]


async def test_an_answer_stops_where_it_is_told_to(service: Service, ollama: OllamaStandIn) -> None:
    events, so_far = await begun(await say(service.http))
    ids = start(so_far)
    stopped = [await service.http.delete(f"{SAY}/{ids['stream_id']}") for _ in range(2)]
    async with asyncio.timeout(1):
        await ollama.left()
        rest = await rest_of(events)
    answer = await ended(service, ids["session_id"])

    assert [each.status for each in stopped] == [204, 204]
    assert [(each.name, each.data["done_reason"]) for each in rest] == [("done", "stopped")]
    assert rest[0].data["content_length"] == len("One two")
    assert (answer["status"], answer["content"], answer["error_code"]) == ("stopped", "One two", None)


async def test_an_answer_that_has_ended_can_still_be_told_to_stop(service: Service, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour())
    ids = start(await said(service))
    stopped = await service.http.delete(f"{SAY}/{ids['stream_id']}")

    assert stopped.status == 204
    assert (await messages(service.http, ids["session_id"]))[-1]["status"] == "complete"


@pytest.mark.parametrize("stream", [f"str_{'0' * 26}", "str_1", "nonsense"])
async def test_no_other_answer_is_there(service: Service, stream: str) -> None:
    await problem_of(await service.http.delete(f"{SAY}/{stream}"), status=404, code="not_found")


@pytest.mark.parametrize("way", ["closes", "resets"])
async def test_a_reader_that_leaves_stops_the_model(service: Service, ollama: OllamaStandIn, way: str) -> None:
    body = b'{"user_id": "lea", "message": "Hello"}'
    async with connected(service) as line:
        await line.say(request("POST", SAY, "Content-Type: application/json", body=body))
        await line.reader.readuntil(b" two")
        if way == "closes":
            line._writer.close()
        else:
            line._writer.transport.abort()
        async with asyncio.timeout(1):
            await ollama.left()
    answer = await ended(service, (await sessions(service.http, "lea"))[0]["id"])

    assert (answer["status"], answer["content"]) == ("stopped", "One two")


async def test_a_reader_may_leave_while_the_model_loads(service: Service, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour(answer="Late.", holds_after=0))
    response = await say(service.http, user_id="leo")
    assert (await anext(hear(response))).name == "start"
    response.close()
    async with asyncio.timeout(1):
        await ollama.left()
    answer = await ended(service, (await sessions(service.http, "leo"))[0]["id"])

    assert (answer["status"], answer["content"]) == ("stopped", "")


async def test_deleting_a_conversation_stops_what_is_said_in_it(service: Service, ollama: OllamaStandIn) -> None:
    events, so_far = await begun(await show(service.http, "Look", png(colour="red"), user_id="del"))
    session = start(so_far)["session_id"]
    deleted = await service.http.delete(f"/api/sessions/{session}")
    async with asyncio.timeout(1):
        await ollama.left()
        rest = await rest_of(events)

    assert deleted.status == 204
    assert [each.name for each in rest] == ["done"]
    assert (await service.http.get(f"/api/sessions/{session}/messages")).status == 404
    assert service.files("del") == []


async def test_erasing_an_owner_ends_what_is_said_to_him(service: Service, ollama: OllamaStandIn) -> None:
    events, _ = await begun(await show(service.http, "Look", png(colour="red"), user_id="gone"))
    assert (await service.http.delete("/v1/users/gone")).status == 204
    async with asyncio.timeout(2):
        await ollama.left()
        rest = await rest_of(events)

    assert [each.name for each in rest][-1] in {"done", "error"}
    assert await sessions(service.http, "gone") == []
    assert service.files("gone") == []


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (Ending.ERROR, "model_failed"),
        (Ending.WITHOUT_DONE, "model_failed"),
        (Ending.DROPPED, "model_failed"),
        (Ending.GARBAGE, "model_failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_model_that_breaks_off_leaves_what_it_said(
    service: Service, ollama: OllamaStandIn, ending: Ending, code: str
) -> None:
    ollama.behave(None, Behaviour(answer="One two three four", ends_after=2, ending=ending))
    events = await said(service)
    answer = (await messages(service.http, start(events)["session_id"]))[-1]

    assert names_of(events) == ["start", "token", "error"]
    assert (events[-1].data["code"], text_of(events)) == (code, "One two")
    assert (answer["status"], answer["error_code"], answer["content"]) == ("failed", code, "One two")


async def test_a_stalled_answer_ends_at_its_deadline(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama, OLLAMA_STALL_SECONDS="0.2") as service:
        events = await said(service)
        answer = (await messages(service.http, start(events)["session_id"]))[-1]
        async with asyncio.timeout(1):
            await ollama.left()

    assert names_of(events) == ["start", "token", "error"]
    assert (events[-1].data["code"], events[-1].data["retryable"]) == ("model_stalled", True)
    assert (answer["status"], answer["error_code"], answer["content"]) == ("failed", "model_stalled", "One two")


async def test_an_answer_is_only_so_long(tmp_path: Path, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour(answer="word " * 100))
    async with beside(tmp_path, ollama, CHAT_ANSWER_MAX_CHARS="50") as service:
        events = await said(service)

    assert (events[-1].name, events[-1].data["done_reason"]) == ("done", "length")
    assert len(text_of(events)) == events[-1].data["content_length"] == 50


async def test_what_was_said_so_far_can_be_read_meanwhile(service: Service, ollama: OllamaStandIn) -> None:
    events, so_far = await begun(await say(service.http, user_id="eve"))
    ids = start(so_far)

    async def is_there() -> bool:
        return bool((await messages(service.http, ids["session_id"]))[-1]["content"] == "One two")

    await until(is_there, seconds=5)
    answer = (await messages(service.http, ids["session_id"]))[-1]
    ollama.release()
    await rest_of(events)

    assert (answer["status"], answer["ended_at"], answer["stream_id"]) == ("streaming", None, ids["stream_id"])


async def test_the_connection_serves_the_next_request(service: Service, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour())
    for _ in range(3):
        assert (await heard(await say(service.http)))[-1].name == "done"
        assert (await service.http.get("/livez")).status == 200


async def test_an_answer_that_was_asked_for_again_goes_on_for_whoever_stays(
    service: Service, ollama: OllamaStandIn
) -> None:
    body, key = {"user_id": "two", "message": "Hello"}, {"Idempotency-Key": "again"}
    first = await service.http.post(SAY, json=body, headers=key)
    await begun(first)
    events, so_far = await begun(await service.http.post(SAY, json=body, headers=key))
    answer = service.graph.answers.find(StreamId(start(so_far)["stream_id"]))
    assert answer is not None
    first.close()
    await until(lambda: answer.readers == 1, seconds=2)
    ollama.release()
    rest = await rest_of(events)

    assert text_of([*so_far, *rest]) == "One two three four"
    assert (rest[-1].name, rest[-1].data["done_reason"]) == ("done", "stop")
    assert len(ollama.chats) == 1

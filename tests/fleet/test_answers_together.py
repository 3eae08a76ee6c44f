"""Several processes talk as one: an answer is stopped, and deleted, through whichever process is asked."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientResponse

from devkit.ollama import Behaviour, OllamaStandIn
from devkit.replicate import ReplicateStandIn
from tests.support.conversing import SAY, begun, messages, show, start
from tests.support.events import Heard
from tests.support.fleet import Fleet, fleet, metrics
from tests.support.pictures import png
from tests.support.waiting import until

QUESTION = {"user_id": "ana", "message": "Look"}
KEY = {"Idempotency-Key": "once"}


@pytest.fixture
async def both(tmp_path: Path, replicate: ReplicateStandIn, ollama: OllamaStandIn) -> AsyncIterator[Fleet]:
    ollama.behave(None, Behaviour(answer="One two three four", holds_after=2))
    async with fleet(tmp_path, replicate, settings=ollama.settings) as running:
        yield running


async def test_an_answer_is_stopped_through_another_process(both: Fleet, ollama: OllamaStandIn) -> None:
    one, other = await both.client(1), await both.client(2)
    events, so_far = await begun(await show(one, "Look", png()))
    ids = start(so_far)
    answer = await other.delete(f"{SAY}/{ids['stream_id']}")
    async with asyncio.timeout(1):
        await ollama.left()
        rest = [event async for event in events if event.name != "ping"]
    kept = (await messages(other, ids["session_id"]))[-1]

    assert answer.status == 204
    assert [(event.name, event.data["done_reason"]) for event in rest] == [("done", "stopped")]
    assert (kept["status"], kept["content"]) == ("stopped", "One two")


async def test_a_conversation_is_deleted_through_another_process(both: Fleet, ollama: OllamaStandIn) -> None:
    one, other = await both.client(1), await both.client(2)
    events, so_far = await begun(await show(one, "Look", png()))
    session = start(so_far)["session_id"]
    answer = await other.delete(f"/api/sessions/{session}")
    async with asyncio.timeout(2):
        await ollama.left()
        assert [event.name async for event in events][-1] in {"done", "error"}

    assert answer.status == 204
    assert (await one.get(f"/api/sessions/{session}/messages")).status == 404


async def read_twice(both: Fleet) -> tuple[ClientResponse, AsyncIterator[Heard], list[Heard]]:
    """Ask, ask again through another process, and leave the first answer; return the second, and what was heard."""
    one, other = await both.client(1), await both.client(2)
    first = await one.post(SAY, json=QUESTION, headers=KEY)
    await begun(first)
    second = await other.post(SAY, json=QUESTION, headers=KEY)
    events, so_far = await begun(second, tokens=1)
    first.close()

    async def is_noticed() -> bool:
        found = await metrics(both.service.http)
        return any(name.startswith("holdfast_requests_total") and SAY in name for name in found)

    await until(is_noticed)
    return second, events, so_far


async def test_an_answer_goes_on_while_it_is_read_through_another_process(both: Fleet, ollama: OllamaStandIn) -> None:
    _, events, so_far = await read_twice(both)
    ollama.release()
    told = [*so_far, *[event async for event in events]]

    assert "".join(event.data["content"] for event in told if event.name == "token") == "One two three four"
    assert told[-1].name == "done"
    kept = (await messages(both.service.http, start(so_far)["session_id"]))[-1]
    assert (kept["status"], kept["content"]) == ("complete", "One two three four")


async def test_an_answer_stops_once_its_reader_in_another_process_has_left_too(
    both: Fleet, ollama: OllamaStandIn
) -> None:
    second, _, _ = await read_twice(both)
    second.close()
    async with asyncio.timeout(5):  # a reader elsewhere is believed for two seconds
        await ollama.left()


async def test_the_answers_of_a_dead_process_end_while_the_others_go_on(both: Fleet, ollama: OllamaStandIn) -> None:
    _, dying = await begun(await show(await both.client(2), "Look", png()))
    events, living = await begun(await show(await both.client(1), "Look", png()))
    await both.kill(2)

    async def has_ended() -> bool:
        return bool((await messages(both.service.http, start(dying)["session_id"]))[-1]["status"] != "streaming")

    await until(has_ended)
    ended = (await messages(both.service.http, start(dying)["session_id"]))[-1]
    ollama.release()
    rest = [event.name async for event in events]

    assert (ended["status"], ended["error_code"]) == ("failed", "interrupted")
    assert rest[-1] == "done"
    assert (await messages(both.service.http, start(living)["session_id"]))[-1]["status"] == "complete"


async def test_the_numbers_of_all_processes_are_told_by_each(both: Fleet, ollama: OllamaStandIn) -> None:
    ollama.behave(None, Behaviour())
    for number in (1, 2):
        response = await show(await both.client(number), "Look", png())
        assert b"event: done" in await response.read()
    found = await metrics(await both.client(1))

    assert found['holdfast_answers_total{status="complete"}'] == 2
    assert found["holdfast_chat_pictures_total"] == 2

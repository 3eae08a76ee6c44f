import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientSession

from devkit.clock import FakeClock
from devkit.ollama import BLIND, SEEING, THINKING, Behaviour, Ending, Model, OllamaStandIn
from devkit.pictures import noise
from tests.support.pictures import gif, jpeg, png


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaStandIn]:
    async with OllamaStandIn(clock=FakeClock()) as stand_in:
        yield stand_in


@pytest.fixture
async def client(ollama: OllamaStandIn) -> AsyncIterator[ClientSession]:
    async with ClientSession(ollama.base_url) as session:
        yield session


def order(*pictures: bytes | str, model: str = SEEING, **more: Any) -> dict[str, Any]:
    images = [each if isinstance(each, str) else base64.b64encode(each).decode() for each in pictures]
    return {"model": model, "messages": [{"role": "user", "content": "What is it?", "images": images}], **more}


async def lines(client: ClientSession, body: dict[str, Any]) -> list[dict[str, Any]]:
    async with client.post("/api/chat", json=body) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/x-ndjson"
        return [json.loads(line) for line in (await answer.read()).splitlines()]


async def refused(client: ClientSession, body: Any) -> tuple[int, str]:
    async with client.post("/api/chat", json=body) as answer:
        return answer.status, (await answer.json())["error"]


def text(said: list[dict[str, Any]]) -> str:
    return "".join(line["message"]["content"] for line in said)


async def test_a_picture_is_opened_and_described(ollama: OllamaStandIn, client: ClientSession) -> None:
    said = await lines(client, order(jpeg(640, 400, colour=(40, 70, 210))))

    assert text(said) == "A 640 x 400 JPEG, mostly blue."
    assert ollama.chats[0].pictures[0].content[:2] == b"\xff\xd8"
    assert [line["done"] for line in said] == [False] * (len(said) - 1) + [True]


async def test_the_last_line_counts_and_leaves_out_zeros(client: ClientSession) -> None:
    last = (await lines(client, order()))[-1]

    assert last["done_reason"] == "stop"
    assert last["eval_count"] > 0
    assert "load_duration" not in last


async def test_an_answer_is_cut_where_asked(client: ClientSession) -> None:
    said = await lines(client, order(options={"num_predict": 2}))
    assert text(said) == "There is"
    assert said[-1]["done_reason"] == "length"


async def test_without_streaming_all_comes_in_one_object(client: ClientSession) -> None:
    async with client.post("/api/chat", json=order(stream=False)) as answer:
        assert (await answer.json())["message"]["content"] == "There is no picture here. You said: What is it?"


async def test_a_model_thinks_unless_it_is_told_not_to(ollama: OllamaStandIn, client: ClientSession) -> None:
    ollama.behaviour = Behaviour(thinking=("Hm", "…"), answer="Yes")

    assert [line["message"].get("thinking") for line in await lines(client, order(model=THINKING))][:2] == ["Hm", "…"]
    assert len(await lines(client, order(model=THINKING, think=False))) == 2
    assert (await refused(client, order(think=True)))[0] == 400


@pytest.mark.parametrize(
    ("image", "position"),
    [("data:image/png;base64,AAAA", 4), ("AA-_", 2), ("AAA", 3), ("AA AA", 2)],
    ids=["data URL", "URL-safe", "no padding", "blank"],
)
async def test_an_image_is_standard_base64_or_nothing(client: ClientSession, image: str, position: int) -> None:
    assert await refused(client, order(image)) == (400, f"illegal base64 data at input byte {position}")


@pytest.mark.parametrize("content", [b"no picture", gif(4, 4), png(64, 64)[:-40]], ids=["text", "GIF", "cut"])
async def test_what_no_runner_opens_is_refused(client: ClientSession, content: bytes) -> None:
    assert (await refused(client, order(content)))[0] == 500


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "model is required"),
        ({"model": "a b"}, 400, "invalid model name"),
        ([], 400, "cannot unmarshal"),
        ({"model": "unheard-of"}, 404, "model 'unheard-of' not found"),
        ({"model": SEEING, "messages": ["hello"]}, 400, "cannot unmarshal"),
        ({"model": SEEING, "messages": [{"content": "", "images": [7]}]}, 400, "cannot unmarshal"),
    ],
    ids=["no model", "bad name", "list", "unknown", "text for a message", "number for an image"],
)
async def test_what_it_cannot_mean_is_refused(client: ClientSession, body: Any, status: int, words: str) -> None:
    found = await refused(client, body)
    assert found[0] == status
    assert words in found[1]


async def test_a_body_is_needed(client: ClientSession) -> None:
    async with client.post("/api/chat") as answer:
        assert await answer.json() == {"error": "missing request body"}
    async with client.post("/api/chat", data=b"{") as answer:
        assert answer.status == 400


async def test_a_model_that_only_embeds_does_not_talk(ollama: OllamaStandIn, client: ClientSession) -> None:
    ollama.models["nomic:latest"] = Model(talks=False)
    assert (await refused(client, order(model="nomic"))) == (400, '"nomic" does not support chat')


async def test_a_blind_model_passes_over_pictures(client: ClientSession) -> None:
    assert text(await lines(client, order(png(), model=BLIND))).startswith("There is no picture here.")


async def test_loading_takes_its_time_once(ollama: OllamaStandIn, client: ClientSession) -> None:
    ollama.behaviour = Behaviour(loading=90)
    first = asyncio.ensure_future(lines(client, order()))
    await ollama.arrived()
    ollama.advance(90)

    assert (await first)[-1]["load_duration"] == 90 * 10**9
    assert "load_duration" not in (await lines(client, order()))[-1]


async def test_a_held_answer_goes_on_when_it_is_released(ollama: OllamaStandIn, client: ClientSession) -> None:
    ollama.behaviour = Behaviour(tokens=("one", " two", " three"), holds_after=2)
    going = asyncio.ensure_future(lines(client, order()))
    await ollama.said(2)
    assert not going.done()

    ollama.release()
    assert text(await going) == "one two three"


async def test_lines_are_cut_wherever_it_is_asked(ollama: OllamaStandIn, client: ClientSession) -> None:
    ollama.behaviour = Behaviour(answer="Grüße, 世界 🎈", bytes_at_once=1)
    assert text(await lines(client, order())) == "Grüße, 世界 🎈"


@pytest.mark.parametrize(
    ("ending", "last"),
    [
        (Ending.ERROR, b'{"error": "an error was encountered while running the model: unexpected EOF"}'),
        (Ending.GARBAGE, b"<html>502 Bad Gateway</html>"),
        (Ending.WITHOUT_DONE, b'"content":"One"},"done":false}'),
    ],
    ids=["error", "garbage", "without done"],
)
async def test_an_answer_can_end_badly(
    ollama: OllamaStandIn, client: ClientSession, ending: Ending, last: bytes
) -> None:
    ollama.behaviour = Behaviour(answer="One two", ending=ending, ends_after=1)
    async with client.post("/api/chat", json=order()) as answer:
        assert (await answer.read()).splitlines()[-1].endswith(last)


async def test_an_answer_can_break_off(ollama: OllamaStandIn, client: ClientSession) -> None:
    ollama.behaviour = Behaviour(ending=Ending.DROPPED, ends_after=1)
    async with client.post("/api/chat", json=order()) as answer:
        with pytest.raises(ClientPayloadError):
            await answer.read()


async def test_an_error_before_the_first_piece_is_a_status(ollama: OllamaStandIn, client: ClientSession) -> None:
    ollama.behaviour = Behaviour(ending=Ending.ERROR, ends_after=0, error="out of memory")
    assert await refused(client, order()) == (500, "out of memory")


async def test_a_reader_who_leaves_is_noticed(ollama: OllamaStandIn, client: ClientSession) -> None:
    ollama.behaviour = Behaviour(holds_after=1)
    async with client.post("/api/chat", json=order(noise(1, size=10_000))) as answer:
        await answer.content.readline()
        answer.close()
    await ollama.left()

    assert ollama.chats[0].left_at == ollama.clock()
    assert ollama.chats[0].said == 1
    assert ollama.chats[0].ended_at is None


async def test_too_many_at_once_find_it_busy() -> None:
    async with (
        OllamaStandIn(parallel=1, queue=1, behaviour=Behaviour(holds_after=0)) as ollama,
        ClientSession(ollama.base_url) as client,
    ):
        both = [asyncio.ensure_future(lines(client, order())) for _ in range(2)]
        await ollama.arrived(2)
        status, error = await refused(client, order())
        ollama.release()
        await asyncio.gather(*both)

    assert (status, error.startswith("server busy")) == (503, True)
    assert ollama.most_at_once == 2
    assert len(ollama.chats) == 2

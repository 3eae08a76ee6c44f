"""Ollama's own client against the stand-in: what it can read, so can whatever else speaks to Ollama."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from ollama import AsyncClient, Image, Message, ResponseError

from devkit.ollama import BLIND, SEEING, THINKING, ApiFault, Behaviour, Ending, OllamaStandIn
from tests.support.pictures import jpeg


@pytest.fixture
async def client(ollama: OllamaStandIn) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(host=ollama.base_url, trust_env=False) as opened:
        yield opened


def question(*pictures: bytes) -> list[Message]:
    return [Message(role="user", content="What is it?", images=[Image(value=each) for each in pictures])]


async def streamed(client: AsyncClient, model: str = SEEING, **more: Any) -> list[Any]:
    answer = await client.chat(model, question(), stream=True, **more)
    return [piece async for piece in answer]


async def test_a_picture_is_talked_about(ollama: OllamaStandIn, client: AsyncClient) -> None:
    answer = await client.chat(SEEING, question(jpeg(300, 200, colour=(50, 160, 60))))

    assert answer.message.content == "A 300 x 200 JPEG, mostly green."
    assert answer.done_reason == "stop"
    assert answer.eval_count
    assert answer.load_duration is None
    assert ollama.chats[0].pictures[0].width == 300


async def test_an_answer_comes_in_pieces(ollama: OllamaStandIn, client: AsyncClient) -> None:
    ollama.behaviour = Behaviour(answer="Grüße, 世界 🎈", bytes_at_once=1)
    pieces = await streamed(client)

    assert "".join(piece.message.content for piece in pieces) == "Grüße, 世界 🎈"
    assert [piece.done for piece in pieces] == [False, False, False, True]


async def test_a_model_is_heard_thinking(ollama: OllamaStandIn, client: AsyncClient) -> None:
    ollama.behaviour = Behaviour(thinking=("Hm.",), answer="Yes")
    assert (await streamed(client, THINKING, think=True))[0].message.thinking == "Hm."


async def test_models_are_listed_and_shown(client: AsyncClient) -> None:
    assert [model.model for model in (await client.list()).models] == [SEEING, BLIND, THINKING]
    assert (await client.show(SEEING)).capabilities == ["completion", "vision"]
    assert (await client.ps()).models == []
    await client.chat(BLIND, question())
    assert [model.model for model in (await client.ps()).models] == [BLIND]


async def test_a_model_that_is_not_there_is_an_error(client: AsyncClient) -> None:
    with pytest.raises(ResponseError, match="model 'unheard-of' not found") as raised:
        await client.chat("unheard-of", question())
    assert raised.value.status_code == 404


async def test_a_fault_is_an_error_in_its_words(ollama: OllamaStandIn, client: AsyncClient) -> None:
    ollama.api_faults.add(ApiFault(on="chat", status=503, body={"error": "server busy"}))
    with pytest.raises(ResponseError, match="server busy"):
        await streamed(client)


async def test_an_error_in_mid_stream_is_one_too(ollama: OllamaStandIn, client: AsyncClient) -> None:
    ollama.behaviour = Behaviour(ending=Ending.ERROR, ends_after=1)
    with pytest.raises(ResponseError, match="unexpected EOF"):
        await streamed(client)

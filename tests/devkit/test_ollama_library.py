"""What the stand-in tells of itself and its models, and whom it lets in."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from devkit.clock import FakeClock
from devkit.ollama import BLIND, SEEING, ApiFault, Model, OllamaStandIn
from devkit.ollama.looking import look, said_of
from tests.support.pictures import jpeg, png


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaStandIn]:
    async with OllamaStandIn(clock=FakeClock()) as stand_in:
        yield stand_in


@pytest.fixture
async def client(ollama: OllamaStandIn) -> AsyncIterator[ClientSession]:
    async with ClientSession(ollama.base_url) as session:
        yield session


async def test_it_runs(client: ClientSession) -> None:
    async with client.get("/") as answer:
        assert await answer.text() == "Ollama is running"
    async with client.head("/") as answer:
        assert answer.status == 200
    async with client.get("/api/version") as answer:
        assert await answer.json() == {"version": "0.32.15"}


async def test_it_lists_what_its_models_can_do(client: ClientSession) -> None:
    async with client.get("/api/tags") as answer:
        told = {model["name"]: model for model in (await answer.json())["models"]}
    assert told[SEEING]["capabilities"] == ["completion", "vision"]
    assert told[BLIND]["capabilities"] == ["completion"]
    assert told[BLIND]["details"]["families"] == ["llama"]


async def test_an_old_one_lists_no_capabilities() -> None:
    async with OllamaStandIn(tells_capabilities=False) as old, ClientSession(old.base_url) as client:
        async with client.get("/api/tags") as answer:
            assert not any("capabilities" in model for model in (await answer.json())["models"])
        old.models["llava:7b"] = Model(sees=True, projector=True)
        async with client.post("/api/show", json={"name": "llava:7b"}) as answer:
            shown = await answer.json()
    assert "capabilities" not in shown
    assert shown["projector_info"]["clip.has_vision_encoder"] is True
    assert shown["details"]["families"] == ["llama", "clip"]


async def test_a_model_is_shown(client: ClientSession) -> None:
    async with client.post("/api/show", json={"model": SEEING}) as answer:
        shown = await answer.json()
    assert shown["capabilities"] == ["completion", "vision"]
    assert shown["model_info"]["qwen3vl.vision.block_count"] == 27

    async with client.post("/api/show", json={"model": "unheard-of"}) as answer:
        assert (answer.status, await answer.json()) == (404, {"error": "model 'unheard-of' not found"})


async def test_a_model_stays_in_memory_for_five_minutes(ollama: OllamaStandIn, client: ClientSession) -> None:
    async def loaded() -> list[str]:
        async with client.get("/api/ps") as answer:
            return [model["name"] for model in (await answer.json())["models"]]

    assert await loaded() == []
    await (await client.post("/api/chat", json={"model": BLIND, "messages": []})).read()
    assert await loaded() == [BLIND]
    ollama.advance(301)
    assert await loaded() == []


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:11434", 200), ("ollama.internal", 200), ("192.168.1.7", 200), ("example.com", 403)],
)
async def test_only_local_names_are_its_own(client: ClientSession, host: str, status: int) -> None:
    async with client.get("/api/version", headers={"Host": host}) as answer:
        assert answer.status == status


async def test_a_key_is_asked_for_where_there_is_one() -> None:
    async with OllamaStandIn(key="sesame") as cloud, ClientSession(cloud.base_url) as client:
        async with client.get("/api/tags") as answer:
            assert (answer.status, await answer.json()) == (401, {"error": "unauthorized"})
        async with client.get("/api/tags", headers={"Authorization": "Bearer sesame"}) as answer:
            assert answer.status == 200
        assert cloud.settings["OLLAMA_API_KEY"] == "sesame"


async def test_a_fault_happens_once_and_only_to_its_operation(ollama: OllamaStandIn, client: ClientSession) -> None:
    ollama.api_faults.add(ApiFault(on="show", status=500, body={"error": "no"}))
    async with client.get("/api/tags") as answer:
        assert answer.status == 200
    async with client.post("/api/show", json={"model": SEEING}) as answer:
        assert (answer.status, answer.content_type) == (500, "application/json")
    async with client.post("/api/show", json={"model": SEEING}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [("GET", "/api/nothing", 404, "404 page not found"), ("GET", "/api/chat", 405, "405 method not allowed")],
    ids=["path", "method"],
)
async def test_what_is_nowhere_is_answered_as_by_the_real_one(
    client: ClientSession, method: str, path: str, status: int, words: str
) -> None:
    async with client.request(method, path) as answer:
        assert (answer.status, await answer.text()) == (status, words)


def test_pixels_are_put_into_words() -> None:
    assert str(look(png(30, 20, colour="white"))) == "a 30 x 20 PNG, mostly white"
    assert str(look(jpeg(40, 30, colour=(210, 40, 40)))) == "a 40 x 30 JPEG, mostly red"
    assert said_of([look(png(9, 9, colour="black"))] * 2, "") == (
        "A 9 x 9 PNG, mostly black; a 9 x 9 PNG, mostly black."
    )


def test_where_it_is_lighter_is_seen() -> None:
    assert look(jpeg(64, 64, seed=1)).lighter in {"left", "right", "top", "bottom"}

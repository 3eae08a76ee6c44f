import pytest

from app.adapters.chat.abilities import abilities_in
from app.adapters.chat.ollama import OllamaModels
from app.domain.chat_models import Abilities
from app.domain.errors import ModelFailed, ModelNotFound, ModelUnavailable
from devkit.ollama import BLIND, SEEING, ApiFault, Model, OllamaStandIn
from tests.adapters.chat.conftest import Adapter


async def test_a_model_tells_whether_it_sees(models: OllamaModels) -> None:
    assert await models.abilities(SEEING) == Abilities(sees=True)
    assert await models.abilities(BLIND) == Abilities(sees=False)


async def test_a_name_without_a_tag_means_the_latest(ollama: OllamaStandIn, models: OllamaModels) -> None:
    ollama.models["moondream:latest"] = Model(sees=True)
    assert (await models.abilities("moondream")).sees


async def test_an_old_server_shows_what_a_model_is_made_of(adapter: Adapter) -> None:
    async with OllamaStandIn(tells_capabilities=False) as old:
        old.models["llava:7b"] = Model(sees=True, projector=True)
        models = adapter(base_url=old.base_url)
        assert [(await models.abilities(name)).sees for name in (SEEING, "llava:7b", BLIND)] == [True, True, False]


@pytest.mark.parametrize(
    ("shown", "sees"),
    [
        ({"capabilities": ["completion", "vision"]}, True),
        ({"capabilities": [], "projector_info": {"a": 1}}, False),
        ({"capabilities": None, "projector_info": {"clip.vision.block_count": 23}}, True),
        ({"projector_info": {}}, False),
        ({"model_info": {"gemma3.vision.block_count": 27}}, True),
        ({"model_info": {"mllama.block_count": 40}}, True),
        ({"model_info": {"clip.has_vision_encoder": True}}, True),
        ({"model_info": {"llama.block_count": 32}}, False),
        ({"details": {"families": ["llama", "clip"]}}, True),
        ({"details": {"families": None}}, False),
        ({"details": [], "model_info": [], "capabilities": "vision"}, False),
        ({}, False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_eyes_are_found_however_they_are_told_of(shown: dict[str, object], *, sees: bool) -> None:
    assert abilities_in(shown) == Abilities(sees=sees)


async def test_a_model_that_is_not_there_is_named(models: OllamaModels) -> None:
    with pytest.raises(ModelNotFound, match=r"no model unheard-of:1b") as raised:
        await models.abilities("unheard-of:1b")
    assert raised.value.field == "model"


@pytest.mark.parametrize(
    "body", ["<html>", "[]", '"x"', "[" * 100_000, "x" * 9_000_000], ids=["HTML", "list", "text", "deep", "endless"]
)
async def test_what_is_no_description_is_no_ollama(ollama: OllamaStandIn, models: OllamaModels, body: str) -> None:
    ollama.api_faults.add(ApiFault(on="show", status=200, body=body))
    with pytest.raises(ModelUnavailable):
        await models.abilities(SEEING)


async def test_a_description_that_breaks_off_is_none(ollama: OllamaStandIn, models: OllamaModels) -> None:
    ollama.api_faults.add(ApiFault(on="show", status=200, body="{}" * 100, cut_after=20))
    with pytest.raises(ModelUnavailable):
        await models.abilities(SEEING)


async def test_a_broken_model_is_a_failure(ollama: OllamaStandIn, models: OllamaModels) -> None:
    ollama.api_faults.add(ApiFault(on="show", status=500, body={"error": "unexpected EOF"}))
    with pytest.raises(ModelFailed):
        await models.abilities(SEEING)


async def test_a_server_that_does_not_answer_is_unavailable(
    ollama: OllamaStandIn, models: OllamaModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.adapters.chat.ollama._SHOW_SECONDS", 0.05)
    ollama.api_faults.add(ApiFault(on="show", hang=True))
    with pytest.raises(ModelUnavailable, match="in time"):
        await models.abilities(SEEING)

"""Who gets to see a picture: a model that sees, one that takes its place, or nobody."""

from pathlib import Path

import pytest

from devkit.ollama import BLIND, SEEING, OllamaStandIn
from tests.support.beside_ollama import beside
from tests.support.conversing import messages, said, show, start, warnings
from tests.support.events import heard, text_of
from tests.support.pictures import png
from tests.support.sources import data_uri

RED = png(64, 48, colour="red")


async def test_a_model_that_cannot_see_gets_the_text(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama) as service:
        events = await heard(await show(service.http, "Hello", RED, model=BLIND))
        question, _ = await messages(service.http, start(events)["session_id"])

    assert warnings(events) == ["vision_unsupported"]
    assert events[-1].data["model"] == BLIND
    assert ollama.chats[0].pictures == ()
    assert question["has_images"]


async def test_a_model_that_sees_takes_its_place(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama, OLLAMA_MODEL=BLIND, VISION_FALLBACK_MODEL=SEEING) as service:
        events = await heard(await show(service.http, "Look", RED))
        alone = await said(service, "No picture this time")

    assert warnings(events) == ["vision_fallback"]
    assert events[-1].data["model"] == SEEING
    assert "mostly red" in text_of(events)
    assert alone[-1].data["model"] == BLIND


async def test_without_detection_every_model_is_taken_to_see(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama, VISION_MODEL_DETECTION_ENABLED="false") as service:
        events = await heard(await show(service.http, "Look", RED))

    assert warnings(events) == []
    assert "mostly red" in text_of(events)
    assert [entry for entry in ollama.journal.entries if entry.path == "/api/show"] == []


@pytest.mark.parametrize("setting", ["IMAGE_UPLOAD_ENABLED", "IMAGE_HOSTING_ENABLED"])
async def test_pictures_can_be_turned_off_and_text_goes_on(tmp_path: Path, ollama: OllamaStandIn, setting: str) -> None:
    async with beside(tmp_path, ollama, **{setting: "false"}) as service:
        in_a_form = await heard(await show(service.http, "Hello", RED))
        as_json = await said(service, "Hello", images=[data_uri(RED)])
        alone = await said(service, "Hello")

    assert [warnings(each) for each in (in_a_form, as_json, alone)] == [
        ["pictures_disabled"],
        ["pictures_disabled"],
        [],
    ]
    assert [chat.pictures for chat in ollama.chats] == [(), (), ()]
    assert service.files() == []

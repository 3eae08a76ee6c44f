"""Who gets to see a picture: a model that sees, one that takes its place, or nobody."""

from pathlib import Path

import pytest

from devkit.ollama import BLIND, SEEING, OllamaStandIn
from tests.support.beside_ollama import beside
from tests.support.conversing import SAY, form, messages, said, show, start, warnings
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


async def test_a_picture_of_an_earlier_turn_is_seen_in_its_place_too(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama, OLLAMA_MODEL=BLIND, VISION_FALLBACK_MODEL=SEEING) as service:
        session = start(await heard(await show(service.http, "Look", RED)))["session_id"]
        events = await said(service, "And left of it?", session_id=session)

    assert warnings(events) == ["vision_fallback"]
    assert events[-1].data["model"] == SEEING
    assert len(ollama.chats[1].pictures) == 1


async def test_a_model_that_cannot_see_earlier_pictures_says_so(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama, CHAT_HISTORY_IMAGES="1") as service:
        session = start(await heard(await show(service.http, "Look", RED)))["session_id"]
        events = await said(service, "And left of it?", session_id=session, model=BLIND)
    async with beside(tmp_path, ollama, CHAT_HISTORY_IMAGES="0") as service:
        unseen = await said(service, "And left of it?", session_id=session, model=BLIND)

    assert warnings(events) == ["vision_unsupported"]
    assert "earlier" in events[1].data["detail"]
    assert events[-1].data["model"] == BLIND
    assert warnings(unseen) == []


@pytest.mark.parametrize("as_form", [True, False], ids=["form", "json"])
async def test_the_bytes_of_a_picture_decide_what_it_is(
    tmp_path: Path, ollama: OllamaStandIn, *, as_form: bool
) -> None:
    async with beside(tmp_path, ollama) as service:
        mislabelled = data_uri(RED).replace("image/png", "image/jpeg")
        asked = form("Look", RED, kind="image/jpeg") if as_form else None
        body = {"user_id": "ana", "message": "Look", "images": [mislabelled]}
        events = await heard(await service.http.post(SAY, data=asked, json=None if as_form else body))
        question, _ = await messages(service.http, start(events)["session_id"])

    assert warnings(events) == []
    assert [image["content_type"] for image in question["images"]] == ["image/png"]


async def test_two_pictures_that_are_the_same_are_two(tmp_path: Path, ollama: OllamaStandIn) -> None:
    async with beside(tmp_path, ollama) as service:
        await said(service, "Are they the same?", images=[data_uri(RED)] * 2)
        await heard(await show(service.http, "Are they the same?", RED, RED))

    assert [len(chat.pictures) for chat in ollama.chats] == [2, 2]

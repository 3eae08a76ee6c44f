import asyncio
import base64
import json
from datetime import timedelta
from io import BytesIO

import pytest
from PIL import Image

from app.adapters.chat.ollama import OllamaModels
from app.domain.chat_models import AtWork, ChatOrder, Finished, Piece, Said, Turn
from app.domain.conversations import Role
from app.domain.errors import AppError, ModelFailed, ModelNotFound, ModelStalled
from devkit.ollama import SEEING, THINKING, Behaviour, Ending, OllamaStandIn
from tests.adapters.chat.conftest import Adapter
from tests.support.pictures import jpeg
from tests.support.talking import hear, order, pieces, text_of

SOON = timedelta(seconds=0.05)


async def test_a_model_says_what_it_sees(ollama: OllamaStandIn, models: OllamaModels) -> None:
    said = await pieces(models, order("What is it?", jpeg(640, 400, colour=(40, 70, 210))))

    assert text_of(said) == "A 640 x 400 JPEG, mostly blue."
    assert len(said) > 5
    assert isinstance(said[-1], Finished)
    assert said[-1].reason == "stop"
    assert said[-1].counters["eval_count"] == len(said) - 1


async def test_the_whole_conversation_is_sent(ollama: OllamaStandIn, models: OllamaModels) -> None:
    first, second = jpeg(8, 8), jpeg(9, 9)
    turns = (
        Turn(role=Role.USER, content='Say "hi" \\ \n 世界', pictures=(first, second)),
        Turn(role=Role.ASSISTANT, content="Hi."),
        Turn(role=Role.USER, content=""),
    )
    await pieces(models, ChatOrder(model=SEEING, turns=turns))

    sent = json.loads(ollama.journal.entries[-1].body)
    assert sent == {
        "model": SEEING,
        "stream": True,
        "think": False,
        "messages": [
            {
                "role": "user",
                "content": 'Say "hi" \\ \n 世界',
                "images": [base64.b64encode(picture).decode() for picture in (first, second)],
            },
            {"role": "assistant", "content": "Hi."},
            {"role": "user", "content": ""},
        ],
    }


async def test_large_pictures_arrive_as_they_are(ollama: OllamaStandIn, models: OllamaModels) -> None:
    file = BytesIO()
    Image.effect_noise((1500, 1500), 90).convert("RGB").save(file, "JPEG", quality=95)
    await pieces(models, order("", file.getvalue(), file.getvalue()))

    assert len(file.getvalue()) > 1024 * 1024
    assert [picture.content for picture in ollama.chats[0].pictures] == [file.getvalue()] * 2


async def test_an_answer_cut_inside_characters_is_put_together(ollama: OllamaStandIn, models: OllamaModels) -> None:
    ollama.behaviour = Behaviour(tokens=("Grü", "ße, 世", "界 🎈", "\n"), bytes_at_once=1)
    assert [piece for piece in await pieces(models, order()) if isinstance(piece, Said)] == [
        Said("Grü"),
        Said("ße, 世"),
        Said("界 🎈"),
        Said("\n"),
    ]


async def test_lines_may_be_long(ollama: OllamaStandIn, models: OllamaModels) -> None:
    ollama.behaviour = Behaviour(answer="yes", padding=300_000)
    assert text_of(await pieces(models, order())) == "yes"


async def test_a_line_without_end_is_a_failure(ollama: OllamaStandIn, models: OllamaModels) -> None:
    ollama.behaviour = Behaviour(answer="yes", padding=1_100_000)
    with pytest.raises(ModelFailed):
        await pieces(models, order())


async def test_thinking_is_work_without_words(ollama: OllamaStandIn, models: OllamaModels) -> None:
    # Some models think whatever they are told.
    ollama.behaviour = Behaviour(tokens=("", "Yes"))
    assert (await pieces(models, order(model=THINKING)))[:2] == [AtWork(), Said("Yes")]
    assert json.loads(ollama.journal.entries[-1].body)["think"] is False


async def test_an_answer_may_end_with_words_and_without_a_reason(ollama: OllamaStandIn, models: OllamaModels) -> None:
    ollama.behaviour = Behaviour(tokens=("One",), last_words=" two", done_reason=None, counters={"eval_count": 0})
    assert await pieces(models, order()) == [Said("One"), Said(" two"), Finished()]


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (Ending.ERROR, "The model gave up: unexpected EOF"),
        (Ending.GARBAGE, "cannot be read"),
        (Ending.WITHOUT_DONE, "ended before it was whole"),
        (Ending.DROPPED, "broke off"),
    ],
    ids=["error", "garbage", "without done", "dropped"],
)
async def test_an_answer_that_ends_badly_is_a_failure_after_what_was_said(
    ollama: OllamaStandIn, models: OllamaModels, ending: Ending, words: str
) -> None:
    ollama.behaviour = Behaviour(tokens=("One", " two"), ending=ending, ends_after=1, error="unexpected EOF")
    said: list[Piece] = []
    with pytest.raises(ModelFailed, match=words):
        await hear(models, order(), into=said)
    assert said == [Said("One")]


@pytest.mark.parametrize("early", [False, True], ids=["as a status", "as a line"])
async def test_an_error_in_place_of_an_answer_is_a_failure(
    ollama: OllamaStandIn, models: OllamaModels, *, early: bool
) -> None:
    ollama.behaviour = Behaviour(ending=Ending.ERROR, ends_after=0, early_head=early, error="out of\nmemory")
    with pytest.raises(ModelFailed) as raised:
        await pieces(models, order())
    assert raised.value.detail == "The model gave up: out of memory"


@pytest.mark.parametrize("early", [False, True], ids=["no head", "head alone"])
async def test_a_model_that_does_not_begin_is_given_up(ollama: OllamaStandIn, adapter: Adapter, *, early: bool) -> None:
    ollama.behaviour = Behaviour(holds_after=0, early_head=early)
    with pytest.raises(ModelStalled, match="did not begin"):
        await pieces(adapter(load=SOON), order())
    await ollama.left()


async def test_a_model_that_goes_silent_is_given_up(ollama: OllamaStandIn, adapter: Adapter) -> None:
    ollama.behaviour = Behaviour(tokens=("One", " two", " three"), holds_after=2)
    answer = adapter(stall=SOON).answer(order())
    assert [await anext(answer), await anext(answer)] == [Said("One"), Said(" two")]
    with pytest.raises(ModelStalled, match="went silent"):
        await anext(answer)
    await ollama.left()


async def test_bytes_that_make_no_line_are_silence(ollama: OllamaStandIn, adapter: Adapter) -> None:
    ollama.behaviour = Behaviour(answer="yes", padding=200_000, bytes_at_once=1)
    with pytest.raises(ModelStalled):
        await pieces(adapter(load=SOON), order())


async def test_an_answer_without_end_is_given_up(ollama: OllamaStandIn, adapter: Adapter) -> None:
    ollama.behaviour = Behaviour(tokens=("and so on ",) * 2000, padding=10_000)
    with pytest.raises(ModelStalled, match="too long"):
        await pieces(adapter(answer=SOON), order())
    await ollama.left()


async def test_a_slow_reader_is_not_the_models_silence(
    ollama: OllamaStandIn, adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    real, later = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: real() + later)
    ollama.behaviour = Behaviour(tokens=("One", " two"), holds_after=1)
    answer = adapter(stall=timedelta(seconds=5), answer=timedelta(hours=1)).answer(order())
    await anext(answer)

    later = 600.0
    ollama.release()
    assert await anext(answer) == Said(" two")
    await answer.aclose()


async def test_closing_the_answer_stops_the_model(ollama: OllamaStandIn, models: OllamaModels) -> None:
    ollama.behaviour = Behaviour(tokens=("One", " two"), holds_after=1)
    answer = models.answer(order())
    assert await anext(answer) == Said("One")
    await answer.aclose()

    await asyncio.wait_for(ollama.left(), 1)
    assert ollama.chats[0].ended_at is None


@pytest.mark.parametrize("holds_after", [0, 1], ids=["while it loads", "between pieces"])
async def test_cancelling_whoever_waits_stops_the_model(
    ollama: OllamaStandIn, models: OllamaModels, holds_after: int
) -> None:
    ollama.behaviour = Behaviour(tokens=("One", " two"), holds_after=holds_after)
    waiting = asyncio.ensure_future(pieces(models, order()))
    await ollama.arrived()
    await ollama.said(holds_after)
    waiting.cancel()

    await asyncio.wait_for(ollama.left(), 1)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_stream_is_read_to_its_end_and_no_further(ollama: OllamaStandIn, models: OllamaModels) -> None:
    async for piece in models.answer(order()):
        last = piece
    assert isinstance(last, Finished)
    await ollama.settled()
    assert ollama.chats[0].left_at is None


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 256, "\x00"], ids=["empty", "blank", "lines", "long", "NUL"])
async def test_what_is_no_name_is_not_sent(ollama: OllamaStandIn, models: OllamaModels, name: str) -> None:
    refusals: list[AppError] = []
    for asked in (models.abilities(name), pieces(models, order(model=name))):
        with pytest.raises(ModelNotFound) as raised:
            await asked
        refusals.append(raised.value)
    assert [refusal.field for refusal in refusals] == ["model", "model"]
    assert ollama.journal.entries == []

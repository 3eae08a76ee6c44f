"""A question and its answer: what is told, what is kept, and what is refused before anything is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.answers import Done, Failed, Started, Token
from app.domain.chat_models import AtWork, Finished, Said
from app.domain.conversations import MessageStatus, Role
from app.domain.errors import (
    ModelFailed,
    ModelNotFound,
    ModelStalled,
    ModelUnavailable,
    NotFound,
    Overloaded,
    ProviderNotConfigured,
)
from app.domain.ids import SessionId
from app.services.chat_pictures import GivenData
from tests.support.chats import ANA, BOB, PICTURE, ScriptedModels, Talk, began, end_of, rest, talking, text_of

DONE = Finished("stop", {"eval_count": 2})


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with talking(tmp_path) as found:
        yield found


async def test_an_answer_is_told_as_it_comes_and_kept_whole(talk: Talk) -> None:
    talk.models.prompt = (Said("A "), Said("cat."), DONE)
    events = await talk.said("What is it?")
    started = events[0]
    assert isinstance(started, Started)
    assert events[1:] == [
        Token("A "),
        Token("cat."),
        Done(content_length=6, model="llava", reason="stop", counters={"eval_count": 2}),
    ]
    question, answer = await talk.messages(started.session)
    assert (question.role, question.content, question.number) == (Role.USER, "What is it?", 1)
    assert (answer.id, answer.status, answer.content) == (started.message, MessageStatus.COMPLETE, "A cat.")
    assert (answer.model, answer.stream, answer.counters) == ("llava", started.stream, {"eval_count": 2})


async def test_a_reader_hears_each_piece_before_the_next_one_is_there(talk: Talk) -> None:
    talk.models.prompt = (AtWork(),)
    async with await talk.ask() as saying:
        call = await talk.models.called()
        await began(saying)
        call.say("A ")
        assert await anext(saying.events()) == Token("A ")
        call.say("cat.")
        assert await anext(saying.events()) == Token("cat.")


async def test_nothing_is_kept_while_the_model_may_still_refuse(talk: Talk) -> None:
    talk.models.prompt = (ModelUnavailable("Ollama is busy."),)
    with pytest.raises(ModelUnavailable, match="busy"):
        await talk.ask()
    assert await talk.sessions() == []


async def test_after_a_while_a_refusal_is_an_event_and_what_was_asked_is_kept(tmp_path: Path) -> None:
    async with talking(tmp_path, hold_back=0) as talk, await talk.ask() as saying:
        started = await began(saying)
        (await talk.models.called()).give(ModelUnavailable("Ollama is gone."))
        assert await rest(saying) == [Failed(code="model_unavailable", detail="Ollama is gone.", retryable=True)]
        answer = await talk.answer(started.session)
        assert (answer.status, answer.error_code, answer.content) == (MessageStatus.FAILED, "model_unavailable", "")


@pytest.mark.parametrize("failure", [ModelFailed("It broke."), ModelStalled("It is silent.")], ids=["broken", "silent"])
async def test_what_was_said_before_a_failure_stays(talk: Talk, failure: ModelFailed | ModelStalled) -> None:
    talk.models.prompt = (Said("A "), failure)
    events = await talk.said()
    assert text_of(events) == "A "
    assert end_of(events) == Failed(code=failure.code, detail=failure.detail, retryable=True)
    (session,) = await talk.sessions()
    answer = await talk.answer(session)
    assert (answer.content, answer.status, answer.error_code) == ("A ", MessageStatus.FAILED, failure.code)


async def test_a_bug_is_told_as_one_and_tells_nothing(talk: Talk, caplog: pytest.LogCaptureFixture) -> None:
    talk.models.prompt = (Said("A "), ValueError("a secret"))
    events = await talk.said()
    assert end_of(events) == Failed(code="internal", detail="Something went wrong on our side.", retryable=False)
    assert "an errand failed" in caplog.text


async def test_an_answer_that_is_too_long_ends_there(tmp_path: Path) -> None:
    models = ScriptedModels(Said("01234"), Said("56789"), Said("never"))
    async with talking(tmp_path, models, CHAT_ANSWER_MAX_CHARS="8") as talk:
        events = await talk.said()
        assert text_of(events) == "01234567"
        assert end_of(events) == Done(content_length=8, model="llava", reason="length")
        assert models.calls[0].closed.is_set()


async def test_a_length_is_in_characters(talk: Talk) -> None:
    talk.models.prompt = (Said("日本 🐈"), DONE)
    end = end_of(await talk.said())
    assert isinstance(end, Done)
    assert end.content_length == 4


async def test_what_was_said_so_far_is_kept_once_a_second(talk: Talk) -> None:
    talk.models.prompt = (Said("A "),)
    async with await talk.ask() as saying:
        started = await began(saying)
        await talk.look()
        assert (await talk.answer(started.session)).content == "A "
        talk.models.calls[0].say("cat.")
        assert await anext(saying.events()) == Token("A ")
        assert await anext(saying.events()) == Token("cat.")
        await talk.look(after=0.5)
        assert (await talk.answer(started.session)).content == "A "
        await talk.look(after=0.5)
        assert (await talk.answer(started.session)).content == "A cat."


async def test_a_conversation_goes_on(talk: Talk) -> None:
    talk.models.prompt = (Said("A cat."), DONE)
    started = (await talk.said("What is it?"))[0]
    assert isinstance(started, Started)
    await talk.said("Which colour?", session=started.session)
    assert [(turn.role, turn.content) for turn in talk.models.calls[1].order.turns] == [
        (Role.USER, "What is it?"),
        (Role.ASSISTANT, "A cat."),
        (Role.USER, "Which colour?"),
    ]
    assert [message.number for message in await talk.messages(started.session)] == [1, 2, 3, 4]


async def test_a_title_is_how_the_first_message_begins(talk: Talk) -> None:
    talk.models.prompt = (DONE,)
    await talk.said("  Tell me\n\nabout " + "cats " * 40)
    (session,) = await talk.graph.adapters.conversations.sessions(ANA, after=None, limit=1)
    assert session.title.startswith("Tell me about cats cats")
    assert len(session.title) == 80


async def test_anothers_conversation_is_not_there(talk: Talk) -> None:
    talk.models.prompt = (DONE,)
    await talk.said()
    (session,) = await talk.sessions()
    with pytest.raises(NotFound):
        await talk.ask(user=BOB, session=session)
    with pytest.raises(NotFound):
        await talk.ask(session=SessionId(f"ses_{'0' * 26}"))
    assert len(talk.models.calls) == 1


async def test_a_model_that_is_not_there_is_refused_by_name(talk: Talk) -> None:
    with pytest.raises(ModelNotFound, match="nosuch"):
        await talk.ask(model="nosuch")
    assert talk.models.calls == []


async def test_a_model_that_has_gone_meanwhile_is_asked_for_anew(talk: Talk) -> None:
    talk.models.prompt = (ModelNotFound("It was removed."),)
    for _ in range(2):
        with pytest.raises(ModelNotFound):
            await talk.ask()
    assert talk.models.asked == ["llava", "llava"]


async def test_without_any_model_it_is_said_how_to_name_one(tmp_path: Path) -> None:
    async with talking(tmp_path, OLLAMA_MODEL="") as talk:
        with pytest.raises(ProviderNotConfigured, match="OLLAMA_MODEL"):
            await talk.ask()


async def test_too_many_questions_are_refused_and_the_others_come_in_order(tmp_path: Path) -> None:
    models = ScriptedModels()
    async with talking(tmp_path, models, hold_back=0, OLLAMA_CONCURRENCY="1", OLLAMA_QUEUE_LIMIT="1") as talk:
        first, second = await talk.ask("one"), await talk.ask("two")
        with pytest.raises(Overloaded) as refused:
            await talk.ask("three", pictures=[GivenData(PICTURE)])
        assert refused.value.retry_after
        assert talk.graph.adapters.inspector.pids == []  # no work was put into its picture
        async with first, second:
            assert [call.order.turns[-1].content for call in models.calls] == ["one"]
            (await models.called()).finish()
            await rest(first)
            (await models.called(2)).finish()
            assert isinstance(end_of(await rest(second)), Done)
        assert "holdfast_answers_refused_total 1.0" in talk.numbers()


async def test_two_questions_at_once_in_one_conversation_are_both_answered(talk: Talk) -> None:
    talk.models.prompt = (Said("Hello."), DONE)
    await talk.said("Hello")
    (session,) = await talk.sessions()
    talk.models.prompt = (AtWork(),)
    async with await talk.ask("one", session=session) as first, await talk.ask("two", session=session) as second:
        for number, saying in enumerate((first, second), start=2):
            call = await talk.models.called(number)
            call.say(f"answer {number}")
            call.finish()
            assert text_of(await rest(saying)) == f"answer {number}"
    said = [(each.number, each.content) for each in await talk.messages(session)][2:]
    assert said == [(3, "one"), (4, "answer 2"), (5, "two"), (6, "answer 3")]
    # What was not answered yet is joined to what is asked next: models want both sides to take turns.
    assert [turn.content for turn in talk.models.calls[2].order.turns] == ["Hello", "Hello.", "one\n\ntwo"]

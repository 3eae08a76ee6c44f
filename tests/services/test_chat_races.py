"""An answer ends once, however much comes at the same time; and its model never talks to nobody."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.access import Caller
from app.domain.answers import Done, Token
from app.domain.chat_models import AtWork, Said
from app.domain.conversations import MessageStatus
from app.domain.errors import NotFound
from app.domain.ids import StreamId
from app.domain.images import ImageStatus
from app.services.answering import Answers
from app.services.chat_answers import Cut
from app.services.chat_pictures import GivenData
from tests.support.chats import ANA, BOB, PICTURE, ScriptedModels, Talk, began, end_of, rest, talking

SERVICE, OF_ANA, OF_BOB = Caller(), Caller(ANA), Caller(BOB)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with talking(tmp_path, ScriptedModels(AtWork())) as found:
        yield found


async def test_whoever_stops_an_answer_keeps_what_was_said(talk: Talk) -> None:
    async with await talk.ask() as saying:
        started = await began(saying)
        talk.models.calls[0].say("A ")
        assert await anext(saying.events()) == Token("A ")
        await talk.graph.chat.stop(started.stream, by=OF_ANA)
        assert await rest(saying) == [Done(content_length=2, model="llava", reason="stopped")]
        assert talk.models.calls[0].closed.is_set()
    answer = await talk.answer(started.session)
    assert (answer.status, answer.content) == (MessageStatus.STOPPED, "A ")


async def test_stopping_twice_or_what_has_ended_is_fine(talk: Talk) -> None:
    async with await talk.ask() as saying:
        started = await began(saying)
        talk.models.calls[0].finish()
        await rest(saying)
        for _ in range(2):
            await talk.graph.chat.stop(started.stream, by=SERVICE)
    assert (await talk.answer(started.session)).status is MessageStatus.COMPLETE


async def test_nobody_stops_what_is_anothers_or_is_not_there(talk: Talk) -> None:
    async with await talk.ask() as saying:
        started = await began(saying)
        with pytest.raises(NotFound):
            await talk.graph.chat.stop(started.stream, by=OF_BOB)
        with pytest.raises(NotFound):
            await talk.graph.chat.stop(StreamId(f"str_{'0' * 26}"), by=SERVICE)
        talk.models.calls[0].finish()
        assert end_of(await rest(saying)) == Done(content_length=0, model="llava", reason="stop")
    with pytest.raises(NotFound):
        await talk.graph.chat.stop(started.stream, by=OF_BOB)


async def test_a_stop_at_the_last_moment_leaves_a_whole_answer_whole(talk: Talk) -> None:
    talk.models.letting_go.clear()
    async with await talk.ask() as saying:
        started = await began(saying)
        talk.models.calls[0].say("A cat.")
        talk.models.calls[0].finish()
        await talk.models.calls[0].closed.wait()
        for _ in range(2):
            await talk.graph.chat.stop(started.stream, by=OF_ANA)
        talk.models.letting_go.set()
        assert end_of(await rest(saying)) == Done(content_length=6, model="llava", reason="stop")
    assert (await talk.answer(started.session)).status is MessageStatus.COMPLETE


async def test_the_first_reason_to_stop_is_the_one_that_counts(talk: Talk) -> None:
    talk.models.letting_go.clear()
    async with await talk.ask() as saying:
        started = await began(saying)
        await talk.graph.chat.stop(started.stream, by=OF_ANA)
        await talk.models.calls[0].closed.wait()
        answer = talk.graph.answers.find(started.stream)
        assert answer is not None
        answer.cut(Cut.INTERRUPTED)
        talk.models.letting_go.set()
        assert end_of(await rest(saying)) == Done(content_length=0, model="llava", reason="stopped")


async def test_an_answer_that_another_process_was_asked_to_stop_stops_here(talk: Talk) -> None:
    async with await talk.ask() as saying:
        started = await began(saying)
        await talk.graph.adapters.conversations.ask_to_stop(started.stream, at=talk.clock())
        await talk.look(after=0.5)
        assert end_of(await rest(saying)) == Done(content_length=0, model="llava", reason="stopped")


async def test_what_is_said_elsewhere_is_asked_to_stop_by_its_row_and_by_a_hint(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedModels(AtWork())) as talk, await talk.ask() as saying:
        started = await began(saying)
        here = talk.graph.answers
        hints: list[str] = []
        chat = talk.graph.chat
        chat._answers, chat._tell = _of_nobody(talk), hints.append
        await chat.stop(started.stream, by=OF_ANA)
        assert hints == [str(started.stream)]
        assert await talk.graph.adapters.conversations.asked_to_stop([started.stream]) == {started.stream}
        here.hear(hints[0])
        assert end_of(await rest(saying)) == Done(content_length=0, model="llava", reason="stopped")


def _of_nobody(talk: Talk) -> Answers:
    """Return the answers of a process that says none."""
    graph = talk.graph
    return Answers(
        conversations=graph.adapters.conversations,
        errands=graph.errands,
        metrics=graph.metrics,
        owner="another",
        clock=talk.clock,
        monotonic=talk.clock.monotonic,
    )


@pytest.mark.parametrize("how", ["leaves", "fails", "is cancelled"])
async def test_a_reader_that_goes_away_stops_the_model_and_what_was_said_is_kept(talk: Talk, how: str) -> None:
    begun: asyncio.Queue[object] = asyncio.Queue()

    async def read() -> None:
        async with await talk.ask() as saying:
            begun.put_nowait(await began(saying))
            talk.models.calls[0].say("A ")
            assert await anext(saying.events()) == Token("A ")
            begun.put_nowait("A ")
            if how == "fails":
                raise ConnectionResetError
            if how == "is cancelled":
                await asyncio.Event().wait()

    reading = asyncio.create_task(read())
    await begun.get()
    assert await begun.get() == "A "
    if how == "is cancelled":
        reading.cancel()
    await asyncio.wait({reading})
    assert talk.models.calls[0].closed.is_set()
    (session,) = await talk.sessions()
    answer = await talk.answer(session)
    assert (answer.status, answer.content) == (MessageStatus.STOPPED, "A ")
    assert reading.cancelled() == (how == "is cancelled")


async def test_a_reader_that_goes_away_while_nothing_was_said_leaves_nothing(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        asking = asyncio.create_task(talk.ask())
        call = await talk.models.called()
        asking.cancel()
        await asyncio.wait({asking})
        await call.closed.wait()
        assert asking.cancelled()
        assert await talk.sessions() == []
        assert talk.graph.answers.find(StreamId("any")) is None


async def test_a_reader_that_goes_away_while_its_question_is_written_leaves_no_answer_that_is_never_said(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    conversations, is_writing, go_on = talk.graph.adapters.conversations, asyncio.Event(), asyncio.Event()
    begin = conversations.begin

    async def slowly(*asked: object, **more: object) -> StreamId:
        is_writing.set()
        await go_on.wait()
        return await begin(*asked, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(conversations, "begin", slowly)
    asking = asyncio.create_task(talk.ask(pictures=[GivenData(PICTURE)]))
    await is_writing.wait()
    asking.cancel()
    go_on.set()
    await asyncio.wait({asking})
    await talk.graph.errands.finish(seconds=10)
    (session,) = await talk.sessions()
    question, answer = await talk.messages(session)
    assert asking.cancelled()
    assert answer.status is MessageStatus.STOPPED
    assert [image.status for image in question.images] == [ImageStatus.STORED]
    assert talk.models.calls[0].closed.is_set()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_reader_that_cannot_even_wait_for_its_question_to_be_written_leaves_no_answer_that_is_never_said(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    conversations, is_writing, go_on = talk.graph.adapters.conversations, asyncio.Event(), asyncio.Event()
    begin = conversations.begin

    async def slowly(*asked: object, **more: object) -> StreamId:
        is_writing.set()
        await go_on.wait()
        return await begin(*asked, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(conversations, "begin", slowly)
    asking = asyncio.create_task(talk.ask())
    await is_writing.wait()
    while not asking.done():
        asking.cancel()
        await asyncio.wait({asking}, timeout=0)
    go_on.set()
    await talk.graph.errands.finish(seconds=10)
    (session,) = await talk.sessions()
    assert (await talk.answer(session)).status is MessageStatus.STOPPED
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


async def test_the_next_one_has_its_turn_when_an_answer_is_cut(tmp_path: Path) -> None:
    models = ScriptedModels(Said("x"))
    async with talking(tmp_path, models, hold_back=0, OLLAMA_CONCURRENCY="1") as talk:
        first, second = await talk.ask("one"), await talk.ask("two")
        async with second:
            async with first:
                pass
            assert (await models.called(2)).order.turns[-1].content == "two"

"""What happens to answers when the service stops, and when the catalog fails."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.answers import Done, Failed, Token
from app.domain.chat_models import AtWork, Finished
from app.domain.conversations import MessageStatus
from app.domain.errors import Overloaded, StorageUnavailable
from tests.support.chats import ScriptedModels, Talk, began, end_of, rest, talking, text_of


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with talking(tmp_path, ScriptedModels(AtWork())) as found:
        yield found


async def test_at_shutdown_an_answer_may_end_and_no_more_is_begun(talk: Talk) -> None:
    async with await talk.ask() as saying:
        await began(saying)
        stopping = asyncio.create_task(talk.graph.answers.stop(timedelta(minutes=1)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await talk.ask("another")
        talk.models.calls[0].say("A cat.")
        talk.models.calls[0].finish()
        assert end_of(await rest(saying)) == Done(content_length=6, model="llava", reason="stop")
        await stopping


async def test_at_shutdown_an_answer_that_takes_too_long_ends_as_interrupted(talk: Talk) -> None:
    async with await talk.ask() as saying:
        started = await began(saying)
        talk.models.calls[0].say("A ")
        assert await anext(saying.events()) == Token("A ")
        await talk.graph.answers.stop(timedelta())
        end = end_of(await rest(saying))
        assert isinstance(end, Failed)
        assert (end.code, end.retryable) == ("interrupted", True)
    answer = await talk.answer(started.session)
    assert (answer.status, answer.error_code, answer.content) == (MessageStatus.FAILED, "interrupted", "A ")


async def test_at_shutdown_a_question_nobody_has_answered_yet_is_refused(tmp_path: Path) -> None:
    async with talking(tmp_path) as talk:
        asking = asyncio.create_task(talk.ask())
        call = await talk.models.called()
        await talk.graph.answers.stop(timedelta())
        with pytest.raises(Overloaded):
            await asking
        assert call.closed.is_set()
        assert await talk.sessions() == []


async def test_a_reader_that_is_cut_off_by_the_shutdown_has_not_stopped_its_answer(talk: Talk) -> None:
    saying = await talk.ask()
    started = await began(saying)
    stopping = asyncio.create_task(talk.graph.answers.stop(timedelta(minutes=1)))
    await asyncio.sleep(0)
    async with saying:
        pass
    await stopping
    assert (await talk.answer(started.session)).error_code == "interrupted"


async def test_a_catalog_that_fails_meanwhile_keeps_nobody_from_the_answer(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await talk.ask() as saying:
        started = await began(saying)
        with monkeypatch.context() as broken:
            for name in ("keep", "end", "asked_to_stop"):
                broken.setattr(talk.graph.adapters.conversations, name, _fail)
            talk.models.calls[0].say("A cat.")
            assert await anext(saying.events()) == Token("A cat.")
            with pytest.raises(StorageUnavailable):
                await talk.look()
            talk.models.calls[0].finish()
            end = end_of(await rest(saying))
        assert isinstance(end, Failed)
        assert (end.code, end.retryable) == ("storage_unavailable", True)
    assert (await talk.answer(started.session)).status is MessageStatus.STREAMING
    await talk.look()
    answer = await talk.answer(started.session)
    assert (answer.status, answer.content) == (MessageStatus.COMPLETE, "A cat.")


async def _fail(*_: object, **__: object) -> None:
    raise StorageUnavailable("The disk is gone.")


async def test_a_catalog_that_fails_at_the_beginning_refuses_the_question(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk.graph.adapters.conversations, "begin", _fail)
    with pytest.raises(StorageUnavailable):
        await talk.ask()
    await talk.models.calls[0].closed.wait()
    assert "holdfast_answers_under_way 0.0" in talk.numbers()


async def test_an_answer_that_somebody_else_has_ended_goes_no_further(talk: Talk) -> None:
    async with await talk.ask() as saying:
        started = await began(saying)
        await talk.graph.adapters.conversations.end_abandoned(owner=None, at=talk.clock())
        talk.models.calls[0].say("A cat.")
        assert await anext(saying.events()) == Token("A cat.")
        await talk.look()
        await rest(saying)
        assert talk.models.calls[0].closed.is_set()
    answer = await talk.answer(started.session)
    assert (answer.error_code, answer.content) == ("interrupted", "")


async def test_numbers_tell_what_is_under_way_and_how_it_ended(talk: Talk) -> None:
    async with await talk.ask() as saying:
        await began(saying)
        assert "holdfast_answers_under_way 1.0" in talk.numbers()
        talk.clock.advance(2.0)
        talk.models.calls[0].say("A cat.")
        assert text_of([await anext(saying.events())]) == "A cat."
        talk.models.calls[0].give(Finished("stop"))
        await rest(saying)
    numbers = talk.numbers()
    assert "holdfast_answers_under_way 0.0" in numbers
    assert 'holdfast_answers_total{status="complete"} 1.0' in numbers
    assert 'holdfast_answers_total{status="failed"} 0.0' in numbers
    assert "holdfast_first_token_seconds_sum 2.0" in numbers

"""A question that is asked again under its key is told its first answer, and no model is asked."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.access import Caller
from app.domain.answers import Done, Event, Failed, Started, Token
from app.domain.catalog import IdempotencyKey
from app.domain.chat_models import AtWork, Finished, Said
from app.domain.conversations import MessageStatus
from app.domain.errors import IdempotencyKeyReused, ModelFailed, NotFound, StorageUnavailable
from app.services.chat import Question, Saying
from app.services.chat_pictures import GivenData
from app.services.replaying import Replays
from tests.support.chats import ANA, PICTURE, ScriptedModels, Talk, began, end_of, rest, talking, text_of

KEY = IdempotencyKey(key="k", operation="POST /api/stream-message", request_sha256="0" * 64)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with talking(
        tmp_path, ScriptedModels(Said("A "), Said("cat."), Finished("stop", {"eval_count": 2}))
    ) as found:
        yield found


async def ask(talk: Talk, key: IdempotencyKey = KEY) -> Saying:
    return await talk.graph.chat.ask(Question(user=ANA, text="What is it?"), idempotency_key=key)


async def told(talk: Talk, key: IdempotencyKey = KEY) -> list[Event]:
    async with await ask(talk, key) as saying:
        return await rest(saying)


async def test_what_was_answered_is_told_again(talk: Talk) -> None:
    first, second = await told(talk), await told(talk)
    assert second[0] == first[0]
    assert second[1:] == [
        Token("A cat."),
        Done(content_length=6, model="llava", reason=None, counters={"eval_count": 2}),
    ]
    assert len(talk.models.calls) == 1
    assert len(await talk.sessions()) == 1


async def test_a_key_is_for_one_question(talk: Talk) -> None:
    await told(talk)
    with pytest.raises(IdempotencyKeyReused):
        await ask(talk, IdempotencyKey(key="k", operation=KEY.operation, request_sha256="1" * 64))


async def test_a_refused_question_may_be_asked_again(talk: Talk) -> None:
    answer, talk.models.prompt = talk.models.prompt, (ModelFailed("It broke."),)
    with pytest.raises(ModelFailed):
        await ask(talk)
    talk.models.prompt = answer
    assert text_of(await told(talk)) == "A cat."


@pytest.mark.parametrize("how", ["stopped", "failed"])
async def test_an_answer_that_ended_early_is_told_as_far_as_it_came(talk: Talk, how: str) -> None:
    failed = how == "failed"
    talk.models.prompt = (Said("A "), ModelFailed("It broke.")) if failed else (Said("A "),)
    async with await ask(talk) as saying:
        started = await began(saying)
        if not failed:
            await talk.graph.chat.stop(started.stream, by=Caller())
        await rest(saying)
    again = await told(talk)
    assert text_of(again) == "A "
    end = end_of(again)
    assert isinstance(end, Failed if failed else Done)
    assert (end.code if isinstance(end, Failed) else end.reason) == ("model_failed" if failed else "stopped")


async def test_what_is_still_being_said_is_told_as_it_is_kept(talk: Talk) -> None:
    talk.models.prompt = (Said("A "),)
    async with await ask(talk) as saying:
        started = await began(saying)
        await talk.look()
        slept: asyncio.Queue[asyncio.Event] = asyncio.Queue()

        async def sleep(_: float) -> None:
            awake = asyncio.Event()
            slept.put_nowait(awake)
            await awake.wait()

        replays = Replays(
            conversations=talk.graph.adapters.conversations, tell=id, is_stopping=lambda: False, sleep=sleep
        )
        events = await replays.tell(started.stream)
        assert [await anext(events), await anext(events)] == [started, Token("A ")]
        following = asyncio.ensure_future(anext(events))
        awake = await slept.get()
        talk.models.calls[0].say("cat.")
        talk.models.calls[0].finish()
        await rest(saying)
        awake.set()
        assert await following == Token("cat.")
        assert isinstance(await anext(events), Done)


async def test_two_at_once_are_one_question(talk: Talk) -> None:
    talk.models.prompt = (AtWork(),)
    both = [asyncio.create_task(ask(talk)) for _ in range(2)]
    await talk.models.called(2)
    first, second = await asyncio.gather(*both)
    assert len(await talk.sessions()) == 1
    async with first, second:
        started = [await began(saying) for saying in (first, second)]
        assert started[0] == started[1]
        for call in talk.models.calls:
            call.finish()
        ends = [end_of(await rest(saying)) for saying in (first, second)]
    assert [end.reason for end in ends if isinstance(end, Done)] == ["stop", "stop"]


async def test_the_later_of_two_at_once_leaves_no_picture(talk: Talk) -> None:
    talk.models.prompt = (AtWork(),)
    question = Question(user=ANA, text="What is it?", pictures=[GivenData(PICTURE)])
    both = [asyncio.create_task(talk.graph.chat.ask(question, idempotency_key=KEY)) for _ in range(2)]
    for saying in await asyncio.gather(*both):
        async with saying:
            pass
    await talk.graph.errands.finish(seconds=10)
    assert len(await talk.graph.adapters.images.page(ANA, after=None, limit=10)) == 1


async def test_what_was_deleted_since_does_not_come_back(talk: Talk) -> None:
    await told(talk)
    (session,) = await talk.sessions()
    await talk.graph.sessions.delete(session, by=Caller(ANA))
    with pytest.raises(NotFound):
        await ask(talk)
    assert await talk.sessions() == []


async def test_who_waits_for_what_is_still_to_come_is_told_when_it_will_not(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.models.prompt = (AtWork(),)
    conversations = talk.graph.adapters.conversations
    async with await ask(talk) as saying:
        started = await began(saying)
        stopping = Replays(conversations=conversations, tell=id, is_stopping=lambda: True)
        (_, end) = [event async for event in await stopping.tell(started.stream)]
        assert end == Failed(code="interrupted", detail="The service is shutting down.", retryable=True)

        async def fail(_: float) -> None:
            monkeypatch.setattr(conversations, "find_answer", _fail)

        failing = Replays(conversations=conversations, tell=id, is_stopping=lambda: False, sleep=fail)
        (first, end) = [event async for event in await failing.tell(started.stream)]
        assert isinstance(first, Started)
        assert isinstance(end, Failed)
        assert end.code == "storage_unavailable"


async def _fail(*_: object) -> None:
    raise StorageUnavailable("The disk is gone.")


async def test_an_answer_goes_on_until_its_last_reader_has_left(talk: Talk) -> None:
    talk.models.prompt = (Said("A "),)
    first, second = await ask(talk), await ask(talk)
    async with second:
        async with first:
            started = await began(first)
        assert not talk.models.calls[0].closed.is_set()
        assert await began(second) == started
    assert (await talk.answer(started.session)).status is MessageStatus.STOPPED


async def test_a_reader_elsewhere_is_believed_for_two_seconds(talk: Talk) -> None:
    talk.models.prompt = (Said("A "),)
    async with await ask(talk) as saying:
        started = await began(saying)
        talk.graph.answers.hear_reader(str(started.stream))
    await talk.look(after=1.9)
    assert not talk.models.calls[0].closed.is_set()
    await talk.look(after=0.2)
    await talk.models.calls[0].closed.wait()

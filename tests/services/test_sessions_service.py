"""Conversations are their owner's: listed, read in order, deleted with their pictures."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.access import Caller
from app.domain.answers import Done, Started
from app.domain.chat_models import AtWork, Finished, Said
from app.domain.errors import NotFound, StorageUnavailable
from app.domain.ids import ImageId, SessionId
from app.domain.images import ImageSource, ImageStatus
from app.services.answering import Answers
from app.services.sessions import SessionService
from tests.support.catalog import an_upload
from tests.support.chats import ANA, BOB, ScriptedModels, Talk, began, end_of, rest, talking

OF_ANA, OF_BOB, SERVICE = Caller(ANA), Caller(BOB), Caller()
NOBODYS = SessionId(f"ses_{'0' * 26}")


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with talking(tmp_path, ScriptedModels(Said("Hello."), Finished("stop"))) as found:
        yield found


@pytest.fixture
def sessions(talk: Talk) -> SessionService:
    return talk.graph.sessions


async def a_session(talk: Talk, text: str = "Hello", **more: object) -> SessionId:
    started = (await talk.said(text, **more))[0]
    assert isinstance(started, Started)
    return started.session


async def stored(talk: Talk, name: str) -> ImageId:
    """Put down the row of a chat's picture; its file is not looked at here."""
    image = an_upload(name, source=ImageSource.CHAT, hosted_at=talk.clock())
    await talk.graph.adapters.images.add(image)
    return image.id


async def test_a_list_has_the_latest_first_in_pages(talk: Talk, sessions: SessionService) -> None:
    made = []
    for number in range(3):
        talk.clock.advance(1)
        made.append(await a_session(talk, f"number {number}"))
    await a_session(talk, user=BOB)
    first, after = await sessions.page(ANA, after=None, limit=2)
    second, end = await sessions.page(ANA, after=after, limit=2)
    assert [session.id for session in (*first, *second)] == made[::-1]
    assert [session.title for session in second] == ["number 0"]
    assert end is None


async def test_messages_come_in_order_in_pages(talk: Talk, sessions: SessionService) -> None:
    session = await a_session(talk)
    await talk.said("More", session=session)
    known = await sessions.get(session, by=OF_ANA)
    first, after = await sessions.messages(session, by=OF_ANA, after=None, limit=3)
    second, end = await sessions.messages(session, by=SERVICE, after=after, limit=3)
    assert (known.id, known.user, known.messages) == (session, ANA, 4)
    assert [message.content for message in (*first, *second)] == ["Hello", "Hello.", "More", "Hello."]
    assert end is None


async def test_messages_come_from_the_end_in_pages(talk: Talk, sessions: SessionService) -> None:
    session = await a_session(talk)
    await talk.said("More", session=session)
    first, after = await sessions.messages(session, by=OF_ANA, after=None, limit=3, is_newest_first=True)
    second, end = await sessions.messages(session, by=OF_ANA, after=after, limit=3, is_newest_first=True)
    assert [message.content for message in (*first, *second)] == ["Hello.", "More", "Hello.", "Hello"]
    assert end is None


async def test_anothers_conversation_is_not_there(talk: Talk, sessions: SessionService) -> None:
    session = await a_session(talk)
    for name, by in ((session, OF_BOB), (NOBODYS, SERVICE)):
        with pytest.raises(NotFound):
            await sessions.get(name, by=by)
        with pytest.raises(NotFound):
            await sessions.messages(name, by=by, after=None, limit=3)
        with pytest.raises(NotFound):
            await sessions.delete(name, by=by)
    assert await talk.sessions() == [session]


async def test_a_deleted_conversation_takes_along_the_pictures_of_no_other(
    talk: Talk, sessions: SessionService
) -> None:
    images = talk.graph.adapters.images
    session = await a_session(talk, pictures=[await stored(talk, "mine"), await stored(talk, "shared")], model="blind")
    other = await a_session(talk, pictures=[ImageId("shared")], model="blind")
    await sessions.delete(session, by=OF_ANA)
    gone, kept = await images.find(ANA, ImageId("mine")), await images.find(ANA, ImageId("shared"))
    assert gone is not None
    assert kept is not None
    assert (gone.status, gone.reason) == (ImageStatus.DELETED, "session_deleted")
    assert kept.status is ImageStatus.STORED
    assert await talk.sessions() == [other]
    with pytest.raises(NotFound):
        await sessions.delete(session, by=OF_ANA)


async def test_a_picture_that_cannot_be_deleted_keeps_no_other_one(
    talk: Talk, sessions: SessionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = talk.graph.adapters.images
    mark = images.mark_deleted

    async def fail_once(*named: object, **more: object) -> object:
        monkeypatch.setattr(images, "mark_deleted", mark)
        raise StorageUnavailable("The disk is busy.")

    pictures = [await stored(talk, "one"), await stored(talk, "two")]
    session = await a_session(talk, pictures=pictures, model="blind")
    monkeypatch.setattr(images, "mark_deleted", fail_once)
    with pytest.raises(StorageUnavailable):
        await sessions.delete(session, by=OF_ANA)
    found = [await images.find(ANA, picture) for picture in pictures]
    assert sorted(image.status for image in found if image) == [ImageStatus.DELETED, ImageStatus.STORED]
    assert await talk.sessions() == []


async def test_an_answer_under_way_stops_with_its_conversation(talk: Talk, sessions: SessionService) -> None:
    talk.models.prompt = (Said("A "),)
    async with await talk.ask() as saying, await talk.ask(user=BOB) as other:
        started, others = await began(saying), await began(other)
        await sessions.delete(started.session, by=OF_ANA)
        assert end_of(await rest(saying)) == Done(content_length=2, model="llava", reason="stopped")
        assert talk.models.calls[0].closed.is_set()
        talk.models.calls[1].finish()
        assert end_of(await rest(other)) == Done(content_length=2, model="llava", reason="stop")
        assert (await talk.answer(others.session)).content == "A "
    assert await talk.sessions() == []


async def test_an_answer_that_another_process_says_stops_with_its_conversation(talk: Talk) -> None:
    talk.models.prompt = (AtWork(),)
    graph, hints = talk.graph, list[str]()
    nobodys = Answers(
        conversations=graph.adapters.conversations,
        errands=graph.errands,
        metrics=graph.metrics,
        owner="another",
        clock=talk.clock,
        monotonic=talk.clock.monotonic,
    )
    elsewhere = SessionService(
        conversations=graph.adapters.conversations, hosting=graph.hosting, answers=nobodys, tell=hints.append
    )
    for hears in (True, False):
        async with await talk.ask() as saying:
            started = await began(saying)
            await elsewhere.delete(started.session, by=OF_ANA)
            assert hints[-1] == str(started.session)
            if hears:
                graph.answers.hear(hints[-1])
            else:
                await talk.look(after=0.5)
            assert end_of(await rest(saying)) == Done(content_length=0, model="llava", reason="stopped")


async def test_an_answer_that_ends_in_a_deleted_conversation_is_not_said_to_be_kept(talk: Talk) -> None:
    talk.models.prompt = (AtWork(),)
    async with await talk.ask() as saying:
        started = await began(saying)
        await talk.graph.adapters.conversations.delete_session(started.session, user=ANA)
        talk.models.calls[0].finish()
        end = end_of(await rest(saying))
    assert not isinstance(end, Done)
    assert end.code == "interrupted"

"""What every catalog promises of conversations: turns are whole, numbered without gaps, and read in order."""

import asyncio

import pytest

from app.domain.conversations import Message, MessageStatus, Role, Session, SessionPosition
from app.domain.errors import IdempotencyKeyReused, NotFound
from app.domain.ids import MessageId
from tests.support.catalog import ANA, BOB, NOW, SECOND, Catalog, a_key
from tests.support.conversations import a_turn, answer_id, said, session_id, stream_id

UNSPEAKABLE = "nul \x00 and half a pair \ud83d"


class TurnContract:
    async def test_a_first_turn_begins_a_conversation(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn())

        assert await catalog.conversations.find_session(session_id()) == Session(
            id=session_id(), user=ANA, title="title 1", created_at=NOW, updated_at=NOW, messages=2
        )

    async def test_a_question_is_complete_and_its_answer_is_being_said(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn())
        question, answer = await catalog.conversations.messages(session_id(), after=0, limit=9)

        assert question == Message(
            id=MessageId(f"msg_{1:026d}"),
            session=session_id(),
            number=1,
            role=Role.USER,
            status=MessageStatus.COMPLETE,
            content="question 1",
            created_at=NOW,
            ended_at=NOW,
        )
        assert answer == Message(
            id=answer_id(),
            session=session_id(),
            number=2,
            role=Role.ASSISTANT,
            status=MessageStatus.STREAMING,
            content="",
            created_at=NOW,
            model="llava",
            stream=stream_id(),
        )

    async def test_the_next_turn_goes_on_where_the_last_one_ended(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1))
        await catalog.conversations.begin(a_turn(2, at=NOW + SECOND))
        session = await catalog.conversations.find_session(session_id())

        assert [number for number, *_ in await said(catalog)] == [1, 2, 3, 4]
        assert session is not None
        assert (session.title, session.updated_at, session.messages) == ("title 1", NOW + SECOND, 4)

    async def test_a_clock_that_was_set_back_does_not_age_a_conversation(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1))
        await catalog.conversations.begin(a_turn(2, at=NOW - SECOND))
        session = await catalog.conversations.find_session(session_id())

        assert session is not None
        assert session.updated_at == NOW

    async def test_turns_at_once_are_numbered_without_gaps_each_question_before_its_answer(
        self, catalog: Catalog
    ) -> None:
        await catalog.conversations.begin(a_turn(1))
        await asyncio.gather(*(catalog.conversations.begin(a_turn(n)) for n in range(2, 12)))
        messages = await catalog.conversations.messages(session_id(), after=0, limit=100)

        assert [message.number for message in messages] == list(range(1, 23))
        assert [message.role for message in messages] == [Role.USER, Role.ASSISTANT] * 11
        for question, answer in zip(messages[::2], messages[1::2], strict=True):
            assert int(answer.id.value[4:]) == int(question.id.value[4:]) + 1

    async def test_conversations_are_numbered_apart(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1, session=1))
        await catalog.conversations.begin(a_turn(2, session=2))

        assert [number for number, *_ in await said(catalog, 2)] == [1, 2]

    async def test_a_conversation_that_is_not_there_takes_no_turn(self, catalog: Catalog) -> None:
        with pytest.raises(NotFound) as refused:
            await catalog.conversations.begin(a_turn(2, session=1))

        assert refused.value.field == "session_id"
        assert await catalog.conversations.find_session(session_id()) is None

    async def test_anothers_conversation_takes_no_turn_and_stays_as_it_was(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1))
        before = await catalog.conversations.find_session(session_id())
        with pytest.raises(NotFound):
            await catalog.conversations.begin(a_turn(2, user=BOB, at=NOW + SECOND))

        assert await catalog.conversations.find_session(session_id()) == before
        assert len(await said(catalog)) == 2

    async def test_words_no_database_can_hold_are_replaced_not_refused(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(content=UNSPEAKABLE, title=UNSPEAKABLE))

        assert (await said(catalog))[0][-1] == "nul \ufffd and half a pair \ufffd"


class RepeatedTurnContract:
    async def test_a_question_asked_again_finds_its_first_answer(self, catalog: Catalog) -> None:
        first = await catalog.conversations.begin(a_turn(1), idempotency_key=a_key())
        again = await catalog.conversations.begin(a_turn(2), idempotency_key=a_key())

        assert first == again == stream_id(1)
        assert len(await said(catalog)) == 2

    async def test_it_finds_it_even_if_its_conversation_was_deleted(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1), idempotency_key=a_key())
        await catalog.conversations.delete_session(session_id(), user=ANA)

        assert await catalog.conversations.begin(a_turn(2, session=2), idempotency_key=a_key()) == stream_id(1)
        assert await catalog.conversations.find_session(session_id(2)) is None

    async def test_asked_twice_at_once_it_is_asked_once(self, catalog: Catalog) -> None:
        turns = [a_turn(number, session=number) for number in range(1, 6)]
        found = await asyncio.gather(*(catalog.conversations.begin(turn, idempotency_key=a_key()) for turn in turns))

        assert len(set(found)) == 1
        assert len(await catalog.conversations.sessions(ANA, after=None, limit=9)) == 1

    async def test_another_question_with_its_key_is_refused(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1), idempotency_key=a_key())
        with pytest.raises(IdempotencyKeyReused):
            await catalog.conversations.begin(a_turn(2), idempotency_key=a_key(request="1"))

        assert len(await said(catalog)) == 2

    async def test_a_question_that_was_refused_can_be_asked_again(self, catalog: Catalog) -> None:
        with pytest.raises(NotFound):
            await catalog.conversations.begin(a_turn(1, images=("nobodys",)), idempotency_key=a_key())

        assert await catalog.conversations.begin(a_turn(2, session=2), idempotency_key=a_key()) == stream_id(2)


class ReadingContract:
    async def test_messages_are_read_a_page_at_a_time(self, catalog: Catalog) -> None:
        for number in (1, 2, 3):
            await catalog.conversations.begin(a_turn(number))

        async def page(after: int) -> list[int]:
            return [m.number for m in await catalog.conversations.messages(session_id(), after=after, limit=4)]

        assert [await page(0), await page(4), await page(6)] == [[1, 2, 3, 4], [5, 6], []]

    async def test_the_latest_messages_are_in_order_too(self, catalog: Catalog) -> None:
        for number in (1, 2):
            await catalog.conversations.begin(a_turn(number))

        assert [m.number for m in await catalog.conversations.latest(session_id(), limit=3)] == [2, 3, 4]
        assert [m.number for m in await catalog.conversations.latest(session_id(), limit=9)] == [1, 2, 3, 4]
        assert [m.number for m in await catalog.conversations.latest(session_id(), limit=2, before=4)] == [2, 3]
        assert await catalog.conversations.latest(session_id(), limit=2, before=1) == []

    async def test_a_conversation_that_is_not_there_has_no_messages(self, catalog: Catalog) -> None:
        assert await catalog.conversations.messages(session_id(), after=0, limit=9) == []
        assert await catalog.conversations.latest(session_id(), limit=9) == []


class SessionListContract:
    async def test_the_latest_conversation_comes_first(self, catalog: Catalog) -> None:
        for number in (1, 2, 3):
            await catalog.conversations.begin(a_turn(number, session=number, at=NOW + number * SECOND))
        await catalog.conversations.begin(a_turn(4, session=1, at=NOW + 4 * SECOND))
        found = await catalog.conversations.sessions(ANA, after=None, limit=9)

        assert [(session.id, session.messages) for session in found] == [
            (session_id(1), 4),
            (session_id(3), 2),
            (session_id(2), 2),
        ]

    async def test_pages_meet_even_where_times_are_equal(self, catalog: Catalog) -> None:
        for number in range(1, 6):
            await catalog.conversations.begin(a_turn(number, session=number))
        found = [await catalog.conversations.sessions(ANA, after=None, limit=2)]
        while found[-1]:
            last = SessionPosition(found[-1][-1].updated_at, found[-1][-1].id)
            found.append(await catalog.conversations.sessions(ANA, after=last, limit=2))

        assert [session.id for page in found for session in page] == [session_id(n) for n in (5, 4, 3, 2, 1)]

    async def test_each_owner_has_a_list_of_their_own(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1, session=1))
        await catalog.conversations.begin(a_turn(2, session=2, user=BOB))

        assert [s.id for s in await catalog.conversations.sessions(ANA, after=None, limit=9)] == [session_id(1)]

    async def test_a_forgotten_owner_has_no_conversations_and_others_keep_theirs(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1, session=1))
        await catalog.conversations.begin(a_turn(2, session=2, user=BOB))
        for _ in range(2):
            await catalog.conversations.forget_owner(ANA)

        assert await catalog.conversations.sessions(ANA, after=None, limit=9) == []
        assert await said(catalog, 1) == []
        assert await catalog.conversations.find_answer(stream_id(1)) is None
        assert len(await said(catalog, 2)) == 2

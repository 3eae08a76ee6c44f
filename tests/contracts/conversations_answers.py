"""What every catalog promises of answers: one process says each, and what it gave up it cannot change any more."""

import pytest

from app.domain.conversations import MessageStatus
from tests.support.catalog import ANA, BOB, NOW, SECOND, Catalog
from tests.support.conversations import a_turn, an_ending, answer_id, said, session_id, stream_id

ENDED = (MessageStatus.COMPLETE, MessageStatus.STOPPED, MessageStatus.FAILED)


async def begun(catalog: Catalog, *numbers: int) -> None:
    for number in numbers or (1,):
        await catalog.conversations.begin(a_turn(number, session=number))


async def answer(catalog: Catalog, session: int = 1) -> tuple[str, str]:
    """Return how an answer stands, and what was said of it."""
    _, (_, _, status, content) = await said(catalog, session)
    return status, content


class AnswerContract:
    async def test_what_was_said_so_far_is_replaced(self, catalog: Catalog) -> None:
        await begun(catalog)

        assert await catalog.conversations.keep(answer_id(), owner="us", content="a")
        assert await catalog.conversations.keep(answer_id(), owner="us", content="a cat")
        assert await answer(catalog) == ("streaming", "a cat")

    @pytest.mark.parametrize("status", ENDED)
    async def test_an_answer_ends_with_all_that_is_known_of_it(self, catalog: Catalog, status: MessageStatus) -> None:
        await begun(catalog)
        counters = {"eval_count": 7, "total_duration": 2**53 + 1}
        ending = an_ending(status, error_code="model_stalled", counters=counters)

        assert await catalog.conversations.end(answer_id(), owner="us", ending=ending)
        _, ended = await catalog.conversations.messages(session_id(), after=0, limit=9)
        assert (ended.status, ended.content, ended.ended_at) == (status, "a cat", NOW + SECOND)
        assert (ended.error_code, ended.counters) == ("model_stalled", counters)

    @pytest.mark.parametrize("status", ENDED)
    async def test_what_has_ended_stays_as_it_is(self, catalog: Catalog, status: MessageStatus) -> None:
        await begun(catalog)
        await catalog.conversations.end(answer_id(), owner="us", ending=an_ending(status))

        assert not await catalog.conversations.keep(answer_id(), owner="us", content="a dog")
        assert not await catalog.conversations.end(answer_id(), owner="us", ending=an_ending(content="a dog"))
        assert await answer(catalog) == (status, "a cat")

    async def test_another_processs_answer_stays_as_it_is(self, catalog: Catalog) -> None:
        await begun(catalog)

        assert not await catalog.conversations.keep(answer_id(), owner="them", content="a dog")
        assert not await catalog.conversations.end(answer_id(), owner="them", ending=an_ending())
        assert await answer(catalog) == ("streaming", "")

    async def test_an_answer_that_is_gone_cannot_be_kept(self, catalog: Catalog) -> None:
        await begun(catalog)
        await catalog.conversations.delete_session(session_id(), user=ANA)

        assert not await catalog.conversations.keep(answer_id(), owner="us", content="a dog")
        assert not await catalog.conversations.end(answer_id(), owner="us", ending=an_ending())

    async def test_a_question_is_no_answer(self, catalog: Catalog) -> None:
        await begun(catalog)
        question = a_turn().question

        assert not await catalog.conversations.keep(question, owner="us", content="changed")
        assert (await said(catalog))[0][-1] == "question 1"

    async def test_an_answer_is_found_by_its_stream_as_long_as_its_conversation_lives(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1, user=BOB))
        await catalog.conversations.end(answer_id(), owner="us", ending=an_ending())
        found = await catalog.conversations.find_answer(stream_id())

        assert found is not None
        user, message = found
        assert (user, message.id, message.content) == (BOB, answer_id(), "a cat")
        await catalog.conversations.delete_session(session_id(), user=BOB)
        assert await catalog.conversations.find_answer(stream_id()) is None


class StopContract:
    async def test_nobody_stops_unasked(self, catalog: Catalog) -> None:
        await begun(catalog, 1, 2)

        assert await catalog.conversations.asked_to_stop([stream_id(1), stream_id(2)]) == set()
        assert await catalog.conversations.asked_to_stop([]) == set()

    async def test_one_that_is_asked_to_stop_is_told(self, catalog: Catalog) -> None:
        await begun(catalog, 1, 2)
        for _ in range(2):
            await catalog.conversations.ask_to_stop(stream_id(1), at=NOW)

        assert await catalog.conversations.asked_to_stop([stream_id(1), stream_id(2)]) == {stream_id(1)}
        assert await answer(catalog, 1) == ("streaming", "")

    async def test_what_was_asked_of_others_is_theirs(self, catalog: Catalog) -> None:
        await begun(catalog, 1, 2)
        await catalog.conversations.ask_to_stop(stream_id(1), at=NOW)

        assert await catalog.conversations.asked_to_stop([stream_id(2)]) == set()

    async def test_a_stop_of_what_has_ended_changes_nothing(self, catalog: Catalog) -> None:
        await begun(catalog)
        await catalog.conversations.end(answer_id(), owner="us", ending=an_ending())
        before = await catalog.conversations.find_answer(stream_id())
        await catalog.conversations.ask_to_stop(stream_id(), at=NOW)

        assert await catalog.conversations.find_answer(stream_id()) == before

    async def test_a_stop_of_what_never_was_is_fine(self, catalog: Catalog) -> None:
        await catalog.conversations.ask_to_stop(stream_id(), at=NOW)

    async def test_an_answer_stops_when_its_conversation_is_deleted(self, catalog: Catalog) -> None:
        await begun(catalog, 1, 2)
        await catalog.conversations.delete_session(session_id(1), user=ANA)

        assert await catalog.conversations.asked_to_stop([stream_id(1), stream_id(2)]) == {stream_id(1)}

    async def test_one_that_was_asked_to_stop_can_still_be_kept_and_ended(self, catalog: Catalog) -> None:
        await begun(catalog)
        await catalog.conversations.ask_to_stop(stream_id(), at=NOW)

        assert await catalog.conversations.keep(answer_id(), owner="us", content="a")
        assert await catalog.conversations.end(answer_id(), owner="us", ending=an_ending(MessageStatus.STOPPED))


class AbandonedContract:
    async def test_what_a_dead_process_was_saying_has_failed_and_keeps_its_words(self, catalog: Catalog) -> None:
        await catalog.conversations.begin(a_turn(1, session=1, owner="dead"))
        await catalog.conversations.begin(a_turn(2, session=2, owner="alive"))
        await catalog.conversations.keep(answer_id(1), owner="dead", content="a c")

        assert await catalog.conversations.end_abandoned(owner="dead", at=NOW + SECOND) == 1
        found = await catalog.conversations.find_answer(stream_id(1))
        assert found is not None
        assert (found[1].status, found[1].error_code) == (MessageStatus.FAILED, "interrupted")
        assert (found[1].content, found[1].ended_at) == ("a c", NOW + SECOND)
        assert await answer(catalog, 2) == ("streaming", "")

    async def test_at_a_start_whatever_is_being_said_is_abandoned(self, catalog: Catalog) -> None:
        for number in (1, 2):
            await catalog.conversations.begin(a_turn(number, session=number, owner=f"process {number}"))

        assert await catalog.conversations.end_abandoned(owner=None, at=NOW) == 2
        assert await catalog.conversations.end_abandoned(owner=None, at=NOW) == 0

    async def test_what_has_ended_is_not_abandoned(self, catalog: Catalog) -> None:
        await begun(catalog)
        await catalog.conversations.end(answer_id(), owner="us", ending=an_ending())

        assert await catalog.conversations.end_abandoned(owner="us", at=NOW) == 0
        assert await answer(catalog) == ("complete", "a cat")

    async def test_a_process_taken_for_dead_can_say_no_more(self, catalog: Catalog) -> None:
        await begun(catalog)
        await catalog.conversations.end_abandoned(owner="us", at=NOW)

        assert not await catalog.conversations.keep(answer_id(), owner="us", content="late")
        assert not await catalog.conversations.end(answer_id(), owner="us", ending=an_ending())
        assert await answer(catalog) == ("failed", "")

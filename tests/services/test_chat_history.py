"""What a model is reminded of: the end of the conversation, as far as it fits."""

from datetime import UTC, datetime

from app.domain.chat_models import Turn
from app.domain.conversations import Message, MessageStatus, Role
from app.domain.errors import NotFound
from app.domain.ids import MessageId, SessionId
from app.domain.images import Image, ImageStatus
from app.services.chat_history import Memory, joined, recalled, remembered
from tests.support.catalog import an_upload

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LARGE = Memory(messages=100, characters=10_000, pictures=10)
USER, MODEL = Role.USER, Role.ASSISTANT


def said(role: Role, content: str = "", *images: Image, status: MessageStatus = MessageStatus.COMPLETE) -> Message:
    return Message(
        id=MessageId("msg"),
        session=SessionId("ses"),
        number=1,
        role=role,
        status=status,
        content=content,
        created_at=NOW,
        images=images,
    )


def contents(messages: list[Message]) -> list[str]:
    return [message.content for message in messages]


def talk(length: int) -> list[Message]:
    return [said(USER if number % 2 == 0 else MODEL, str(number)) for number in range(length)]


async def show(image: Image) -> bytes:
    if str(image.id) == "broken":
        raise NotFound("It is gone.")
    return str(image.id).encode()


def test_all_of_a_short_conversation_is_remembered() -> None:
    assert contents(remembered(talk(6), LARGE)) == ["0", "1", "2", "3", "4", "5"]


def test_the_latest_messages_are_remembered_from_a_question_on() -> None:
    assert contents(remembered(talk(6), Memory(messages=3, characters=100, pictures=0))) == ["4", "5"]


def test_nothing_is_remembered_where_nothing_may_be() -> None:
    assert remembered(talk(6), Memory(messages=0, characters=100, pictures=0)) == []
    assert remembered(talk(6), Memory(messages=6, characters=0, pictures=0)) == []


def test_what_does_not_fit_ends_the_memory_without_a_gap() -> None:
    messages = [said(USER, "one"), said(MODEL, "x" * 50), said(USER, "two"), said(MODEL, "2")]
    assert contents(remembered(messages, Memory(messages=10, characters=20, pictures=0))) == ["two", "2"]


def test_answers_that_failed_or_say_nothing_are_left_out() -> None:
    messages = [
        said(USER, "one"),
        said(MODEL, "half", status=MessageStatus.FAILED),
        said(USER, "two"),
        said(MODEL, "being said", status=MessageStatus.STREAMING),
        said(USER, "three"),
        said(MODEL, ""),
        said(USER, "four"),
        said(MODEL, "stopped", status=MessageStatus.STOPPED),
    ]
    assert contents(remembered(messages, LARGE)) == ["one", "two", "three", "four", "stopped"]


async def test_the_latest_pictures_are_shown_again() -> None:
    messages = [
        said(USER, "a", an_upload("one"), an_upload("two")),
        said(MODEL, "b"),
        said(USER, "c", an_upload("three")),
    ]
    turns = await recalled(messages, pictures=2, show=show)
    assert [list(turn.pictures) for turn in turns] == [[b"two"], [], [b"three"]]


async def test_pictures_that_are_gone_are_left_out_and_another_one_takes_their_place() -> None:
    gone = an_upload("gone", status=ImageStatus.DELETED)
    messages = [said(USER, "a", an_upload("one")), said(USER, "b", an_upload("broken"), gone)]
    turns = await recalled(messages, pictures=1, show=show)
    assert [list(turn.pictures) for turn in turns] == [[b"one"], []]


async def test_a_message_of_pictures_that_are_not_shown_says_so() -> None:
    turns = await recalled([said(USER, "", an_upload("one")), said(MODEL, "A cat.")], pictures=0, show=show)
    assert [turn.content for turn in turns] == ["[A picture that is not shown any more.]", "A cat."]


async def test_a_message_of_pictures_that_are_shown_says_nothing_more() -> None:
    (turn,) = await recalled([said(USER, "", an_upload("one"))], pictures=1, show=show)
    assert (turn.content, list(turn.pictures)) == ("", [b"one"])


def test_both_sides_take_turns() -> None:
    turns = [
        Turn(role=USER, content="one", pictures=[b"1"]),
        Turn(role=USER, content="", pictures=[b"2"]),
        Turn(role=USER, content="two"),
        Turn(role=MODEL, content="answer"),
        Turn(role=USER, content="three"),
    ]
    assert joined(turns) == [
        Turn(role=USER, content="one\n\ntwo", pictures=[b"1", b"2"]),
        Turn(role=MODEL, content="answer"),
        Turn(role=USER, content="three"),
    ]

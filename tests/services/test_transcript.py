"""What is said, for one reader and for keeping."""

import asyncio

from app.domain.answers import Done, Started, Token, Warned
from app.domain.ids import MessageId, SessionId, StreamId
from app.services.transcript import Transcript

BEGUN = Started(stream=StreamId("str"), session=SessionId("ses"), message=MessageId("msg"))
DONE = Done(content_length=2, model="m", reason="stop")


async def test_everything_is_told_once_and_in_order() -> None:
    transcript = Transcript(BEGUN, [Warned(code="a", detail="b")], max_chars=10)
    transcript.say("o")
    transcript.warn(Warned(code="c", detail="d"))
    transcript.say("k")
    transcript.close(DONE)
    told = [event async for event in transcript.events()]
    assert told == [BEGUN, Warned(code="a", detail="b"), Token("o"), Warned(code="c", detail="d"), Token("k"), DONE]
    assert transcript.text == "ok"


async def test_a_reader_waits_for_what_comes() -> None:
    transcript = Transcript(BEGUN, max_chars=10)
    events = transcript.events()
    assert await anext(events) == BEGUN
    for text in ("o", "k"):
        coming = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        assert not coming.done()
        transcript.say(text)
        assert await coming == Token(text)


async def test_it_takes_no_more_than_there_is_room_for() -> None:
    transcript = Transcript(BEGUN, max_chars=3)
    transcript.say("日本")
    was_full = transcript.is_full
    transcript.say("語です")
    transcript.say("more")
    assert (was_full, transcript.is_full) == (False, True)
    assert (transcript.text, transcript.length) == ("日本語", 3)

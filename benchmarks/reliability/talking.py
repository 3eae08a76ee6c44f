"""An app that talks about pictures.  Each step can be repeated, and says what may be relied on from then on.

A promise names the conversation as `user` and the answer as `image`; one to forget, the conversation as `image`.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from app.domain.access import Caller
from app.domain.conversations import Ending, MessageStatus, NewTurn
from app.domain.errors import NotFound
from app.domain.ids import ImageId, MessageId, SessionId, StreamId, UserId
from app.domain.images import Image, ImageFacts, ImageSource, ImageStatus
from benchmarks.reliability.stage import Promise, Stage, Step, bytes_of

HALF, WHOLE = "A cat on", "A cat on a wall."
_USER = UserId("ana")


def show(name: str) -> Step:
    """Store a picture as a chat does."""
    return lambda stage: _show(stage, name)


def ask(number: int, *, session: int, pictures: tuple[str, ...] = ()) -> Step:
    """Ask a question; hear the first half of its answer."""
    return lambda stage: _ask(stage, number, session, pictures)


def hear_out(number: int, *, session: int) -> Step:
    """Hear the answer to the end."""
    return lambda stage: _hear_out(stage, number, session)


def forget(session: int) -> Step:
    return lambda stage: _forget(stage, session)


async def _show(stage: Stage, name: str) -> None:
    image = Image(
        user=_USER,
        id=ImageId(name),
        url_extension="png",
        status=ImageStatus.STORED,
        source=ImageSource.CHAT,
        created_at=stage.clock(),
        facts=ImageFacts(content_type="image/png", extension="png", width=8, height=8, frames=1, thumbhash=""),
        hosted_at=stage.clock(),
    )
    adapters = stage.graph.adapters
    async with adapters.blobs.stage() as staging:
        await staging.write(bytes_of(name))
        image = replace(image, digest=await staging.seal())
        await adapters.blobs.publish(staging, image.key)
    await adapters.images.add(image)


async def _ask(stage: Stage, number: int, session: int, pictures: tuple[str, ...]) -> None:
    conversations = stage.graph.adapters.conversations
    turn = NewTurn(
        user=_USER,
        session=_session(session),
        is_new_session=await conversations.find_session(_session(session)) is None,
        title="A cat?",
        question=MessageId(f"msg_question{number}"),
        content="What is that?",
        images=[ImageId(name) for name in pictures],
        answer=_answer(number),
        stream=StreamId(f"str_{number}"),
        model="llava",
        owner=stage.graph.process_name,
        asked_at=stage.clock(),
        at=stage.clock(),
    )
    if await conversations.find_answer(turn.stream) is None:
        await conversations.begin(turn)
    if await conversations.keep(turn.answer, owner=turn.owner, content=HALF):
        stage.tell(Promise("half said", str(turn.session), str(turn.answer)))


async def _hear_out(stage: Stage, number: int, session: int) -> None:
    ending = Ending(status=MessageStatus.COMPLETE, content=WHOLE, at=stage.clock() + timedelta(seconds=1))
    owner = stage.graph.process_name
    if await stage.graph.adapters.conversations.end(_answer(number), owner=owner, ending=ending):
        stage.tell(Promise("said", str(_session(session)), str(_answer(number))))


async def _forget(stage: Stage, session: int) -> None:
    stage.tell(Promise("forgetting", str(_USER), str(_session(session))))
    with suppress(NotFound):  # it is a repetition
        await stage.graph.sessions.delete(_session(session), by=Caller(_USER))
    stage.tell(Promise("forgotten", str(_USER), str(_session(session))))


def _session(number: int) -> SessionId:
    return SessionId(f"ses_{number}")


def _answer(number: int) -> MessageId:
    return MessageId(f"msg_answer{number}")

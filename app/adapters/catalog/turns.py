"""A question and the answer that begins, written down as one.  Statements that run inside a caller's transaction."""

from typing import Any

from sqlalchemy import case, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog.schema import images, message_images, messages, sessions
from app.adapters.catalog.types import Instant
from app.domain.conversations import MessageStatus, NewTurn, Role
from app.domain.errors import NotFound


async def begin(connection: AsyncConnection, turn: NewTurn) -> None:
    """Raise `NotFound` as the port says; what was written until then is the transaction's to undo."""
    await _begin_session(connection, turn) if turn.is_new_session else await _go_on(connection, turn)
    await _require_own(connection, turn)
    here = messages.c.session_id == str(turn.session)
    said: int = await connection.scalar(select(func.max(messages.c.number)).where(here)) or 0
    await connection.execute(insert(messages), [_question(turn, said + 1), _answer(turn, said + 2)])
    if turn.images:
        await connection.execute(insert(message_images), _links(turn))


async def _begin_session(connection: AsyncConnection, turn: NewTurn) -> None:
    await connection.execute(
        insert(sessions).values(
            id=str(turn.session), user_id=str(turn.user), title=turn.title, created_at=turn.at, updated_at=turn.at
        )
    )


async def _go_on(connection: AsyncConnection, turn: NewTurn) -> None:
    # First of all, for it holds the conversation's row: no two turns can take the same numbers.  Never backwards, for
    # a clock that was set back must not hide the conversation behind older ones.
    at = literal(turn.at, Instant)
    later = case((sessions.c.updated_at < at, at), else_=sessions.c.updated_at)
    found = await connection.execute(
        update(sessions)
        .where(sessions.c.id == str(turn.session), sessions.c.user_id == str(turn.user))
        .values(updated_at=later)
    )
    if not found.rowcount:
        raise NotFound("There is no such conversation.", field="session_id")


async def _require_own(connection: AsyncConnection, turn: NewTurn) -> None:
    names = {str(image) for image in turn.images}
    own = select(func.count()).where(images.c.user_id == str(turn.user), images.c.id.in_(names))
    if names and await connection.scalar(own) != len(names):
        raise NotFound("There is no such image.", field="images")


def _question(turn: NewTurn, number: int) -> dict[str, Any]:
    return _message(turn, number) | {
        "id": str(turn.question),
        "role": Role.USER.value,
        "status": MessageStatus.COMPLETE.value,
        "ended_at": turn.at,
        "content": turn.content,
    }


def _answer(turn: NewTurn, number: int) -> dict[str, Any]:
    return _message(turn, number) | {
        "id": str(turn.answer),
        "role": Role.ASSISTANT.value,
        "status": MessageStatus.STREAMING.value,
        "model": turn.model,
        "stream_id": str(turn.stream),
        "owner": turn.owner,
    }


def _message(turn: NewTurn, number: int) -> dict[str, Any]:
    """Return what both say; all columns, for rows that are inserted together must have the same."""
    nothing = dict.fromkeys(("ended_at", "model", "stream_id", "owner", "stop_asked_at", "error_code"))
    said = {"session_id": str(turn.session), "number": number, "created_at": turn.at, "content": "", "counters": {}}
    return {**nothing, **said}


def _links(turn: NewTurn) -> list[dict[str, Any]]:
    return [
        {"message_id": str(turn.question), "position": position, "user_id": str(turn.user), "image_id": str(image)}
        for position, image in enumerate(turn.images)
    ]

"""`Conversations` over SQL.

How many messages a conversation has is never stored: they are numbered from 1 without gaps, and none goes alone.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Select,
    Update,
    and_,
    delete,
    exists,
    literal,
    select,
    true,
    tuple_,
    update,
)

from app.adapters.catalog import conversation_flaws, deletions, idempotency, said, turns
from app.adapters.catalog.database import Database
from app.adapters.catalog.schema import (
    images,
    is_live,
    is_of_chat,
    is_streaming,
    message_images,
    messages,
    sessions,
)
from app.adapters.catalog.types import Instant
from app.domain.catalog import IdempotencyKey
from app.domain.conversations import Ending, Flaw, Message, MessageStatus, NewTurn, Session, SessionPosition
from app.domain.errors import NotFound
from app.domain.ids import ImageId, MessageId, SessionId, StreamId, UserId

_INTERRUPTED = "interrupted"


class SqlConversations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_session(self, session: SessionId) -> Session | None:
        query = said.sessions_counted().where(sessions.c.id == str(session))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else said.to_session(row)

    async def sessions(self, user: UserId, *, after: SessionPosition | None, limit: int) -> list[Session]:
        query = (
            said.sessions_counted()
            .where(sessions.c.user_id == str(user), _after(after))
            .order_by(sessions.c.updated_at.desc(), sessions.c.id.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [said.to_session(row) for row in await connection.execute(query)]

    async def messages(self, session: SessionId, *, after: int, limit: int) -> list[Message]:
        query = select(messages).where(messages.c.session_id == str(session), messages.c.number > after)
        async with self._database.read() as connection:
            return await said.read(connection, query.order_by(messages.c.number).limit(limit))

    async def latest(self, session: SessionId, *, limit: int, before: int | None = None) -> list[Message]:
        query = select(messages).where(messages.c.session_id == str(session))
        if before is not None:
            query = query.where(messages.c.number < before)
        async with self._database.read() as connection:
            found = await said.read(connection, query.order_by(messages.c.number.desc()).limit(limit))
        return found[::-1]

    async def begin(self, turn: NewTurn, *, idempotency_key: IdempotencyKey | None = None) -> StreamId:
        user = str(turn.user)
        async with self._database.write() as connection:
            known = await idempotency.find(connection, user, idempotency_key)
            if known is not None:
                return StreamId(known)
            if await deletions.has_outlived(connection, turn.user, turn.asked_at):
                raise NotFound("Whoever asked was erased since: nothing of the question is kept.")
            await turns.begin(connection, turn)
            await idempotency.remember(connection, user, idempotency_key, str(turn.stream), turn.at)
        return turn.stream

    async def keep(self, answer: MessageId, *, owner: str, content: str) -> bool:
        return await self._change(_said_by(owner, answer).values(content=content))

    async def end(self, answer: MessageId, *, owner: str, ending: Ending) -> bool:
        return await self._change(
            _said_by(owner, answer).values(
                status=ending.status.value,
                content=ending.content,
                ended_at=ending.at,
                error_code=ending.error_code,
                counters=dict(ending.counters),
            )
        )

    async def find_answer(self, stream: StreamId) -> tuple[UserId, Message] | None:
        query = select(messages, sessions.c.user_id).select_from(messages.join(sessions))
        async with self._database.read() as connection:
            row = (await connection.execute(query.where(messages.c.stream_id == str(stream)))).first()
        return None if row is None else (UserId(row.user_id), said.to_message(row, ()))

    async def ask_to_stop(self, stream: StreamId, *, at: datetime) -> None:
        is_unasked = messages.c.stop_asked_at.is_(None)
        await self._change(
            update(messages)
            .where(messages.c.stream_id == str(stream), is_streaming, is_unasked)
            .values(stop_asked_at=at)
        )

    async def asked_to_stop(self, streams: Sequence[StreamId]) -> set[StreamId]:
        if not streams:
            return set()
        query = select(messages.c.stream_id).where(
            messages.c.stream_id.in_([str(stream) for stream in streams]), messages.c.stop_asked_at.is_(None)
        )
        async with self._database.read() as connection:
            going_on = {StreamId(name) for name in await connection.scalars(query)}
        return set(streams) - going_on

    async def end_abandoned(self, *, owner: str | None, at: datetime) -> int:
        abandoned = true() if owner is None else messages.c.owner == owner
        async with self._database.write() as connection:
            result = await connection.execute(
                update(messages)
                .where(is_streaming, abandoned)
                .values(status=MessageStatus.FAILED.value, error_code=_INTERRUPTED, ended_at=at)
            )
        return result.rowcount

    async def delete_session(self, session: SessionId, *, user: UserId) -> list[ImageId] | None:
        here = and_(sessions.c.id == str(session), sessions.c.user_id == str(user))
        async with self._database.write() as connection:
            # Before the rows go, which say what they referred to.
            left_over = [ImageId(name) for name in await connection.scalars(_only_in(session))]
            deleted = await connection.execute(delete(sessions).where(here))
        return left_over if deleted.rowcount else None

    async def forget_owner(self, user: UserId) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.user_id == str(user)))

    async def find_owner(self, image: ImageId) -> UserId | None:
        query = select(images.c.user_id).where(images.c.id == str(image), is_of_chat).limit(1)
        async with self._database.read() as connection:
            owner = await connection.scalar(query)
        return None if owner is None else UserId(owner)

    async def flaws(self, limit: int) -> list[Flaw]:
        async with self._database.read() as connection:
            return await conversation_flaws.find(connection, limit)

    async def unused_images(self, *, before: datetime, limit: int) -> list[tuple[UserId, ImageId]]:
        is_used = exists().where(message_images.c.user_id == images.c.user_id, message_images.c.image_id == images.c.id)
        is_old = images.c.created_at < before
        query = select(images.c.user_id, images.c.id).where(is_of_chat, is_live, is_old, ~is_used)
        async with self._database.read() as connection:
            found = await connection.execute(query.order_by(images.c.id).limit(limit))
            return [(UserId(row.user_id), ImageId(row.id)) for row in found]

    async def _change(self, statement: Update) -> bool:
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount == 1


def _after(position: SessionPosition | None) -> ColumnElement[bool]:
    if position is None:
        return true()
    here = tuple_(literal(position.updated_at, Instant), literal(str(position.id)))
    return tuple_(sessions.c.updated_at, sessions.c.id) < here


def _said_by(owner: str, answer: MessageId) -> Update:
    """Change an answer that is still being said by *owner*: one that was given up for dead must not come back."""
    return update(messages).where(messages.c.id == str(answer), messages.c.owner == owner, is_streaming)


def _only_in(session: SessionId) -> Select[str]:
    """Find the chat images that *session* refers to and no other one."""
    elsewhere, others = message_images.alias(), messages.alias()
    is_elsewhere = exists().where(
        elsewhere.c.user_id == message_images.c.user_id,
        elsewhere.c.image_id == message_images.c.image_id,
        others.c.id == elsewhere.c.message_id,
        others.c.session_id != str(session),
    )
    return (
        select(images.c.id)
        .distinct()
        .select_from(images.join(message_images).join(messages))
        .where(messages.c.session_id == str(session), is_of_chat, is_live, ~is_elsewhere)
        .order_by(images.c.id)
    )

"""Conversations and messages, read: rows become the domain's values, pictures included."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog import rows
from app.adapters.catalog.schema import images, message_images, messages, sessions
from app.domain.conversations import Message, MessageStatus, Role, Session
from app.domain.ids import MessageId, SessionId, StreamId, UserId
from app.domain.images import Image


def sessions_counted() -> Select[Any]:
    """Find conversations, and how many messages each has: the highest number, which an index knows."""
    last = select(func.max(messages.c.number)).where(messages.c.session_id == sessions.c.id).scalar_subquery()
    return select(sessions, func.coalesce(last, 0).label("messages"))


def to_session(row: Row[Any]) -> Session:
    return Session(
        id=SessionId(row.id),
        user=UserId(row.user_id),
        title=row.title,
        created_at=row.created_at,
        updated_at=row.updated_at,
        messages=row.messages,
    )


async def read(connection: AsyncConnection, query: Select[Any]) -> list[Message]:
    """Return the messages that *query* finds, with the images they are about: two statements however many there are."""
    found = (await connection.execute(query)).all()
    pictures = await _pictures(connection, [row.id for row in found])
    return [to_message(row, pictures[row.id]) for row in found]


def to_message(row: Row[Any], pictures: Sequence[Image]) -> Message:
    return Message(
        id=MessageId(row.id),
        session=SessionId(row.session_id),
        number=row.number,
        role=Role(row.role),
        status=MessageStatus(row.status),
        content=row.content,
        created_at=row.created_at,
        images=tuple(pictures),
        ended_at=row.ended_at,
        model=row.model,
        stream=StreamId(row.stream_id) if row.stream_id else None,
        error_code=row.error_code,
        counters=row.counters,
    )


async def _pictures(connection: AsyncConnection, of: Sequence[str]) -> defaultdict[str, list[Image]]:
    pictures: defaultdict[str, list[Image]] = defaultdict(list)
    if of:
        query = (
            select(images, message_images.c.message_id)
            .select_from(message_images.join(images))
            .where(message_images.c.message_id.in_(of))
            .order_by(message_images.c.message_id, message_images.c.position)
        )
        for row in await connection.execute(query):
            pictures[row.message_id].append(rows.to_image(row))
    return pictures

"""What does not fit together between conversations and images.

The foreign keys forbid the first three, but only to those who switch them on: a shell on the database does not.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog.schema import images, message_images, messages, sessions
from app.domain.conversations import Flaw

_Finding = tuple[str, Select[Any]]
"""A flaw's name, and a query whose rows spell where it is."""


async def find(connection: AsyncConnection, limit: int) -> list[Flaw]:
    found: list[Flaw] = []
    for what, query in (*_of_keys(), *_of_links(), *_of_sessions()):
        if len(found) < limit:
            rows = await connection.execute(query.limit(limit - len(found)))
            found += [Flaw(what=what, where=" ".join(map(str, row))) for row in rows]
    return found


def _of_keys() -> Iterator[_Finding]:
    # The place, not the name, tells which message: the index has it, so the words themselves are not gone through.
    has_session = exists().where(sessions.c.id == messages.c.session_id)
    yield "message_without_session", select(messages.c.session_id, messages.c.number).where(~has_session)
    has_message = exists().where(messages.c.id == message_images.c.message_id)
    yield "picture_of_no_message", _links().where(~has_message)
    has_image = exists().where(images.c.user_id == message_images.c.user_id, images.c.id == message_images.c.image_id)
    yield "picture_without_image", _links().where(~has_image)


def _of_links() -> Iterator[_Finding]:
    is_anothers = exists().where(
        messages.c.id == message_images.c.message_id,
        sessions.c.id == messages.c.session_id,
        sessions.c.user_id != message_images.c.user_id,
    )
    yield "picture_of_another_owner", _links().where(is_anothers)


def _of_sessions() -> Iterator[_Finding]:
    has_messages = exists().where(messages.c.session_id == sessions.c.id)
    yield "session_without_messages", select(sessions.c.id).where(~has_messages)
    yield "session_updated_before_created", select(sessions.c.id).where(sessions.c.updated_at < sessions.c.created_at)
    number = messages.c.number
    has_gaps = or_(func.min(number) != 1, func.max(number) != func.count())
    yield "gap_in_messages", select(messages.c.session_id).group_by(messages.c.session_id).having(has_gaps)


def _links() -> Select[Any]:
    return select(message_images.c.message_id, message_images.c.user_id, message_images.c.image_id)

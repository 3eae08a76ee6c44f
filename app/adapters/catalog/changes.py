"""The log of changes: per owner a sequence without gaps, written in the transaction that makes the change."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import insert, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog import schema


class Change(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    STORED = "stored"
    REJECTED = "rejected"
    LOST = "lost"
    DELETED = "deleted"


async def record(connection: AsyncConnection, user: str, image: str, kind: Change, at: datetime) -> None:
    """Append a change of *image*.

    The counter's row is the owner's lock: two writers of one owner take turns here, so no number is skipped.
    """
    await connection.execute(sqlite.insert(schema.users).values(user_id=user, last_change=0).on_conflict_do_nothing())
    counter = schema.users.c.last_change
    number = await connection.scalar(
        update(schema.users).where(schema.users.c.user_id == user).values(last_change=counter + 1).returning(counter)
    )
    await connection.execute(
        insert(schema.changes).values(user_id=user, sequence=number, image_id=image, kind=kind.value, at=at)
    )

"""Idempotency keys: what a repeated request was answered with, by owner and key."""

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog.database import Database
from app.adapters.catalog.schema import idempotency
from app.domain.catalog import IdempotencyKey
from app.domain.errors import IdempotencyKeyReused
from app.domain.ids import UserId


class SqlRepetitions:
    """`Repetitions` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user: UserId, key: IdempotencyKey) -> str | None:
        async with self._database.read() as connection:
            return await find(connection, str(user), key)

    async def remember(self, user: UserId, key: IdempotencyKey, resource: str, *, at: datetime) -> str:
        async with self._database.write() as connection:
            known = await find(connection, str(user), key)
            if known is None:
                await remember(connection, str(user), key, resource, at)
            return known or resource


async def find(connection: AsyncConnection, user: str, key: IdempotencyKey | None) -> str | None:
    """Return the resource an earlier request with *key* made; raise `IdempotencyKeyReused`."""
    if key is None:
        return None
    row = (
        await connection.execute(select(idempotency).where(idempotency.c.user_id == user, idempotency.c.key == key.key))
    ).first()
    if row is None:
        return None
    if (row.operation, row.request_sha256) != (key.operation, key.request_sha256):
        raise IdempotencyKeyReused("That Idempotency-Key was used for another request.", field="Idempotency-Key")
    return str(row.resource)


async def remember(
    connection: AsyncConnection, user: str, key: IdempotencyKey | None, resource: str, at: datetime
) -> None:
    if key is not None:
        await connection.execute(
            insert(idempotency).values(
                user_id=user,
                key=key.key,
                operation=key.operation,
                request_sha256=key.request_sha256,
                resource=resource,
                created_at=at,
            )
        )


async def forget(connection: AsyncConnection, user: str, resource: str) -> None:
    await connection.execute(
        delete(idempotency).where(idempotency.c.user_id == user, idempotency.c.resource == resource)
    )

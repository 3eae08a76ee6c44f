"""`UpkeepCatalog` over SQL: one reading finds what may go, small transactions remove it, looking again at each row."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Delete, Select, and_, bindparam, delete, exists, or_, select

from app.adapters.catalog.database import Database
from app.adapters.catalog.deletions import ERASURES
from app.adapters.catalog.schema import captures, generations, idempotency, images, is_open, marks
from app.domain.generations import JobStatus
from app.domain.images import ImageStatus

_MOST = 10_000
_BATCH = 200

# Word by word: `IN` cannot be executed for many rows at once.
_has_not_ended = or_(*(generations.c.status == status.value for status in JobStatus if not status.is_terminal))


class SqlUpkeep:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def forget_keys(self, *, before: datetime) -> int:
        is_waited_for = exists().where(generations.c.id == idempotency.c.resource, _has_not_ended)
        old = and_(idempotency.c.created_at < before, ~is_waited_for)
        here = and_(idempotency.c.user_id == bindparam("of_user"), idempotency.c.key == bindparam("of_key"))
        return await self._forget(
            select(idempotency.c.user_id.label("of_user"), idempotency.c.key.label("of_key")).where(old),
            delete(idempotency).where(here, old),
        )

    async def forget_generations(self, *, before: datetime) -> int:
        old = and_(
            generations.c.completed_at < before,
            ~_has_not_ended,
            ~exists().where(images.c.generation_id == generations.c.id),
        )
        return await self._forget(
            select(generations.c.id.label("of_id")).where(old),
            delete(generations).where(generations.c.id == bindparam("of_id"), old),
        )

    async def forget_captures(self, *, before: datetime) -> int:
        old = and_(~is_open, _is_of_deleted(before))
        here = and_(captures.c.user_id == bindparam("of_user"), captures.c.image_id == bindparam("of_image"))
        return await self._forget(
            select(captures.c.user_id.label("of_user"), captures.c.image_id.label("of_image")).where(old),
            delete(captures).where(here, old),
        )

    async def forget_erasures(self, *, before: datetime) -> int:
        old = and_(marks.c.name.startswith(ERASURES), marks.c.at < before)
        return await self._forget(
            select(marks.c.name.label("of_name")).where(old),
            delete(marks).where(marks.c.name == bindparam("of_name"), old),
        )

    async def _forget(self, find: Select[Any], remove: Delete) -> int:
        async with self._database.read() as connection:
            found = [dict(row) for row in (await connection.execute(find.limit(_MOST))).mappings()]
        removed = 0
        for batch in _batches(found):
            async with self._database.write() as connection:
                removed += (await connection.execute(remove, batch)).rowcount
        return removed


def _is_of_deleted(before: datetime) -> ColumnElement[bool]:
    return exists().where(
        images.c.user_id == captures.c.user_id,
        images.c.id == captures.c.image_id,
        images.c.status == ImageStatus.DELETED.value,
        images.c.ended_at < before,
    )


def _batches(rows: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))

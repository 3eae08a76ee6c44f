"""`GenerationCatalog` over SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog import deletions, idempotency, output_images, registration, rows
from app.adapters.catalog.database import Database
from app.adapters.catalog.schema import generations
from app.domain.catalog import IdempotencyKey
from app.domain.errors import NotFound
from app.domain.generations import Generation, JobStatus
from app.domain.ids import GenerationId
from app.domain.images import Image, NewImage

_OPEN = [status.value for status in JobStatus if not status.is_terminal]


class SqlGenerations:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, generation: Generation, *, idempotency_key: IdempotencyKey | None = None) -> Generation:
        async with self._database.write() as connection:
            return await _begin(connection, generation, idempotency_key)

    async def adopt(self, generation: Generation, *, made_at: datetime | None) -> Generation | None:
        async with self._database.write() as connection:
            if await deletions.is_from_before_erasure(connection, generation.user, made_at):
                return None
            return await _begin(connection, generation, None)

    async def find(self, generation: GenerationId) -> Generation | None:
        async with self._database.read() as connection:
            row = await _row(connection, str(generation))
        return None if row is None else rows.to_generation(row)

    async def mark_prepared(self, generation: GenerationId) -> bool:
        async with self._database.write() as connection:
            result = await connection.execute(
                update(generations)
                .where(generations.c.id == str(generation), generations.c.status.in_(_OPEN))
                .values(is_prepared=True)
            )
        return result.rowcount == 1

    async def find_job(self, provider: str, job_id: str) -> list[Generation]:
        query = select(generations).where(generations.c.provider == provider, generations.c.job_id == job_id)
        async with self._database.read() as connection:
            return [rows.to_generation(row) for row in await connection.execute(query)]

    async def update(
        self,
        generation: GenerationId,
        *,
        status: JobStatus,
        job_id: str | None,
        error: str | None = None,
        error_code: str | None = None,
        at: datetime,
    ) -> Generation:
        ended = {"completed_at": at, "next_poll_at": None} if status.is_terminal else {}
        async with self._database.write() as connection:
            if job_id is not None:
                before = await _get(connection, generation)
                other = await _of_job(connection, before.user_id, before.provider, job_id)
                # Two intents of one owner for one job: the first to know it has it, the other ends without.
                job_id = job_id if other is None else None
            result = await connection.execute(
                update(generations)
                .where(
                    generations.c.id == str(generation),
                    # One that was given up as never started may turn out to have been.
                    or_(generations.c.status.in_(_OPEN), generations.c.error_code == "not_started"),
                )
                .values(
                    status=status.value,
                    job_id=job_id or generations.c.job_id,
                    error=error,
                    error_code=error_code,
                    **ended,
                )
            )
            row = await _get(connection, generation)
            if result.rowcount and status.is_terminal:
                await output_images.break_promise(connection, row, at)
        return rows.to_generation(row)

    async def forget(self, generation: GenerationId) -> None:
        async with self._database.write() as connection:
            row = await _row(connection, str(generation))
            if row is None:
                return
            if await registration.image_row(connection, row.user_id, row.first_image) is None:
                await idempotency.forget(connection, row.user_id, row.id)
                await connection.execute(delete(generations).where(generations.c.id == row.id))

    async def release_key(self, generation: GenerationId) -> None:
        async with self._database.write() as connection:
            row = await _get(connection, generation)
            await idempotency.forget(connection, row.user_id, row.id)

    async def promise(self, generation: GenerationId, *, at: datetime) -> Image | None:
        async with self._database.write() as connection:
            row = await _get(connection, generation)
            known = await output_images.images_of(connection, generation)
            if known:
                return known[0]
            if row.status not in _OPEN:
                return None
            return (
                await output_images.take_import(connection, row, at)
                or await output_images.take_deleted(connection, row)
                or await output_images.promise(connection, row, at)
            )

    async def add_outputs(self, generation: GenerationId, outputs: Sequence[NewImage]) -> list[Image]:
        async with self._database.write() as connection:
            await _get(connection, generation)
            for new in outputs:
                await output_images.add(connection, new)
            return await output_images.images_of(connection, generation)

    async def images(self, generation: GenerationId) -> list[Image]:
        async with self._database.read() as connection:
            return await output_images.images_of(connection, generation)

    async def due(self, *, now: datetime, limit: int) -> list[Generation]:
        query = (
            select(generations)
            .where(
                generations.c.status.in_(_OPEN),
                generations.c.next_poll_at <= now,
                generations.c.job_id.is_not(None),
            )
            .order_by(generations.c.next_poll_at)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [rows.to_generation(row) for row in await connection.execute(query)]

    async def postpone(self, generation: Generation, *, until: datetime) -> bool:
        same = (
            generations.c.next_poll_at.is_(None)
            if generation.next_poll_at is None
            else generations.c.next_poll_at == generation.next_poll_at
        )
        async with self._database.write() as connection:
            result = await connection.execute(
                update(generations)
                .where(generations.c.id == str(generation.id), generations.c.status.in_(_OPEN), same)
                .values(next_poll_at=until, polls=generations.c.polls + 1)
            )
        return result.rowcount == 1

    async def orphans(self, *, before: datetime) -> list[Generation]:
        query = select(generations).where(
            generations.c.status.in_(_OPEN),
            generations.c.job_id.is_(None),
            generations.c.created_at < before,
        )
        async with self._database.read() as connection:
            return [rows.to_generation(row) for row in await connection.execute(query)]


async def _begin(connection: AsyncConnection, generation: Generation, key: IdempotencyKey | None) -> Generation:
    user = str(generation.user)
    known = await idempotency.find(connection, user, key)
    found = await _row(connection, known) if known else None
    if found is None and generation.job_id is not None:
        found = await _of_job(connection, user, generation.provider, generation.job_id)
    if found is not None:
        return rows.to_generation(found)
    await connection.execute(insert(generations).values(**rows.of_generation(generation)))
    if known is None:
        await idempotency.remember(connection, user, key, str(generation.id), generation.created_at)
    return generation


async def _row(connection: AsyncConnection, generation: str) -> Row[Any] | None:
    return (await connection.execute(select(generations).where(generations.c.id == generation))).first()


async def _get(connection: AsyncConnection, generation: GenerationId) -> Row[Any]:
    row = await _row(connection, str(generation))
    if row is None:
        raise NotFound("There is no such generation.")
    return row


async def _of_job(connection: AsyncConnection, user: str, provider: str, job_id: str) -> Row[Any] | None:
    query = select(generations).where(
        generations.c.provider == provider, generations.c.job_id == job_id, generations.c.user_id == user
    )
    return (await connection.execute(query)).first()

"""`CaptureQueue` over SQL: leases with fencing tokens, so that a holder thought dead cannot settle."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog import changes, registration, rows
from app.adapters.catalog.changes import Change
from app.adapters.catalog.database import Database
from app.adapters.catalog.schema import captures, images, is_open
from app.domain.captures import Backlog, Capture, Risk
from app.domain.images import Digest, Image, ImageFacts, ImageStatus


class SqlCaptures:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int, dying_by: datetime | None = None
    ) -> list[Capture]:
        due = (
            select(captures.c.user_id, captures.c.image_id)
            .where(
                is_open,
                captures.c.next_attempt_at <= now,
                or_(captures.c.lease_until.is_(None), captures.c.lease_until <= now),
            )
            .order_by(captures.c.deadline.asc().nulls_last(), captures.c.created_at)
            .limit(limit)
        )
        if dying_by is not None:
            due = due.where(captures.c.deadline > now, captures.c.deadline <= dying_by)
        async with self._database.write() as connection:
            keys = (await connection.execute(due)).all()
            return [
                await _take(connection, key.user_id, key.image_id, {"lease_owner": owner, "lease_until": now + lease})
                for key in keys
            ]

    async def renew(self, held: Sequence[Capture], *, until: datetime) -> None:
        if not held:
            return
        statement = (
            update(captures)
            .where(
                captures.c.user_id == bindparam("of_user"),
                captures.c.image_id == bindparam("of_image"),
                captures.c.token == bindparam("held_token"),
                captures.c.state == "open",
            )
            .values(lease_until=until)
        )
        async with self._database.write() as connection:
            await connection.execute(
                statement,
                [{"of_user": str(c.user), "of_image": str(c.image), "held_token": c.token} for c in held],
            )

    async def holds(self, capture: Capture) -> bool:
        async with self._database.read() as connection:
            return await _is_ours(connection, capture)

    @asynccontextmanager
    async def holding(self, capture: Capture) -> AsyncIterator[bool]:
        # A transaction that writes keeps out all others that do: whoever would take the capture over, or settle it.
        async with self._database.write() as connection:
            yield await _is_ours(connection, capture)

    async def release(self, capture: Capture, *, at: datetime, error: str) -> bool:
        async with self._database.write() as connection:
            return await _settle(
                connection,
                capture,
                {"next_attempt_at": at, "lease_owner": None, "lease_until": None, "last_error": error},
            )

    async def settle_stored(self, capture: Capture, *, facts: ImageFacts, digest: Digest, at: datetime) -> Image | None:
        user, image = str(capture.user), str(capture.image)
        async with self._database.write() as connection:
            if not await _settle(connection, capture, _settled("stored", at)):
                return None
            await connection.execute(
                update(images)
                .where(images.c.user_id == user, images.c.id == image)
                .values(status=ImageStatus.STORED.value, hosted_at=at, **rows.of_facts(facts, digest))
            )
            await changes.record(connection, user, image, Change.STORED, at)
            row = await registration.image_row(connection, user, image)
        return None if row is None else rows.to_image(row)

    async def settle_failed(self, capture: Capture, *, is_lost: bool, reason: str, detail: str, at: datetime) -> bool:
        user, image = str(capture.user), str(capture.image)
        status = ImageStatus.LOST if is_lost else ImageStatus.REJECTED
        async with self._database.write() as connection:
            if not await _settle(connection, capture, _settled(status.value, at)):
                return False
            await connection.execute(
                update(images)
                .where(images.c.user_id == user, images.c.id == image)
                .values(status=status.value, ended_at=at, reason=reason, detail=detail)
            )
            await changes.record(connection, user, image, Change(status.value), at)
        return True

    async def release_all(self, *, owner: str | None, now: datetime) -> int:
        held = captures.c.lease_owner.is_not(None) if owner is None else captures.c.lease_owner == owner
        async with self._database.write() as connection:
            result = await connection.execute(
                update(captures).where(is_open, held).values(lease_owner=None, lease_until=None, next_attempt_at=now)
            )
        return result.rowcount

    async def backlog(self) -> Backlog:
        query = select(func.count(), func.min(captures.c.next_attempt_at), func.min(captures.c.deadline)).where(is_open)
        async with self._database.read() as connection:
            count, next_attempt_at, deadline = (await connection.execute(query)).one()
        return Backlog(open=count, next_attempt_at=next_attempt_at, earliest_deadline=deadline)

    async def risk(self, *, by: datetime) -> Risk:
        is_near = captures.c.deadline <= by
        here = and_(images.c.user_id == captures.c.user_id, images.c.id == captures.c.image_id)
        known = select(func.coalesce(func.sum(images.c.size_bytes), 0)).select_from(captures.join(images, here))
        query = select(
            func.count(),
            func.count().filter(is_near),
            known.where(is_open, is_near).scalar_subquery(),
            func.min(captures.c.deadline),
        ).where(is_open)
        async with self._database.read() as connection:
            count, near, near_bytes, deadline = (await connection.execute(query)).one()
        return Risk(open=count, near=near, near_bytes=near_bytes, earliest_deadline=deadline)


async def _take(connection: AsyncConnection, user: str, image: str, lease: dict[str, Any]) -> Capture:
    # One by one, by its key: SQLite answers a list of pairs by going through the whole table.
    here = and_(captures.c.user_id == user, captures.c.image_id == image)
    counted = {"token": captures.c.token + 1, "attempts": captures.c.attempts + 1}
    await connection.execute(update(captures).where(here).values(**lease, **counted))
    taken = await connection.execute(
        select(captures, images.c.source)
        .join(images, and_(images.c.user_id == captures.c.user_id, images.c.id == captures.c.image_id))
        .where(here)
    )
    return rows.to_capture(taken.one())


def _settled(state: str, at: datetime) -> dict[str, Any]:
    # A data URI may be megabytes; once settled nobody reads it again.
    return {"state": state, "settled_at": at, "fetch_from": None, "lease_owner": None, "lease_until": None}


async def _settle(connection: AsyncConnection, capture: Capture, values: dict[str, Any]) -> bool:
    """Change a capture that is still ours; the token fences off whoever held it before."""
    result = await connection.execute(update(captures).where(_held_by(capture)).values(**values))
    return result.rowcount == 1


async def _is_ours(connection: AsyncConnection, capture: Capture) -> bool:
    return await connection.scalar(select(captures.c.token).where(_held_by(capture))) is not None


def _held_by(capture: Capture) -> ColumnElement[bool]:
    return and_(
        captures.c.user_id == str(capture.user),
        captures.c.image_id == str(capture.image),
        captures.c.token == capture.token,
        captures.c.state == "open",
    )

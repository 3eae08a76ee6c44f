"""`RetentionCatalog` over SQL."""

from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import delete, func, insert, or_, select, update

from app.adapters.catalog.database import Database
from app.adapters.catalog.schema import images, locks, marks
from app.domain.clock_guard import Sighting
from app.domain.ids import ImageId, UserId
from app.domain.images import ImageSource, ImageStatus
from app.domain.retention import StoredImage

_SWEEP = "sweep"


class SqlRetention:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def stored(self, user: UserId | None) -> AsyncIterator[StoredImage]:
        query = select(
            images.c.user_id,
            images.c.id,
            images.c.source,
            images.c.size_bytes,
            images.c.hosted_at,
            func.coalesce(images.c.accessed_at, images.c.hosted_at, type_=images.c.hosted_at.type).label("used_at"),
        ).where(images.c.status == ImageStatus.STORED)
        if user is not None:
            query = query.where(images.c.user_id == str(user))
        async with self._database.read() as connection:
            async for row in await connection.stream(query):
                yield StoredImage(
                    UserId(row.user_id),
                    ImageId(row.id),
                    ImageSource(row.source),
                    row.size_bytes,
                    row.hosted_at,
                    row.used_at,
                )

    async def newest(self) -> datetime | None:
        query = select(func.max(images.c.hosted_at)).where(images.c.status == ImageStatus.STORED)
        async with self._database.read() as connection:
            latest: datetime | None = await connection.scalar(query)
        return latest

    async def oldest(self, user: UserId) -> datetime | None:
        query = select(func.min(images.c.hosted_at)).where(
            images.c.user_id == str(user), images.c.status == ImageStatus.STORED
        )
        async with self._database.read() as connection:
            earliest: datetime | None = await connection.scalar(query)
        return earliest

    async def last_sweep(self) -> Sighting | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(marks).where(marks.c.name == _SWEEP))).first()
        return None if row is None else Sighting(row.at, row.is_suspect)

    async def record_sweep(self, seen: Sighting) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(marks).where(marks.c.name == _SWEEP))
            await connection.execute(insert(marks).values(name=_SWEEP, at=seen.at, is_suspect=seen.is_suspect))

    async def try_lock(self, name: str, *, owner: str, until: datetime, now: datetime) -> bool:
        over = or_(locks.c.owner == owner, locks.c.until <= now, locks.c.until > until + (until - now))
        async with self._database.write() as connection:
            if await connection.scalar(select(locks.c.name).where(locks.c.name == name)) is None:
                await connection.execute(insert(locks).values(name=name, owner=owner, until=until))
                return True
            taken = await connection.execute(
                update(locks).where(locks.c.name == name, over).values(owner=owner, until=until)
            )
        return taken.rowcount == 1

    async def unlock(self, name: str, *, owner: str) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(locks).where(locks.c.name == name, locks.c.owner == owner))

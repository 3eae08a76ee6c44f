"""`RecoveryCatalog` over SQL."""

from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import and_, func, select, update

from app.adapters.catalog import changes, rows
from app.adapters.catalog.changes import Change
from app.adapters.catalog.database import Database
from app.adapters.catalog.schema import captures, images
from app.domain.captures import Capture
from app.domain.ids import ImageId, UserId
from app.domain.images import ImageStatus, blob_key
from app.domain.recovery import KnownBlob

_BATCH = 2000


class SqlRecovery:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self) -> AsyncIterator[KnownBlob]:
        query = (
            select(images.c.user_id, images.c.id, images.c.extension, images.c.size_bytes, images.c.sha256)
            .where(images.c.status == ImageStatus.STORED)
            .order_by(images.c.user_id, images.c.id)
        )
        async with self._database.read() as connection:
            # In batches: waiting for each of 100,000 rows takes several times as long as reading it.
            async for batch in (await connection.stream(query)).partitions(_BATCH):
                for user_id, image_id, extension, size, sha256 in batch:
                    user, image = UserId(user_id), ImageId(image_id)
                    yield KnownBlob(user=user, id=image, key=blob_key(user, image, extension), size=size, sha256=sha256)

    async def count_stored(self) -> int:
        query = select(func.count()).where(images.c.status == ImageStatus.STORED)
        async with self._database.read() as connection:
            return await connection.scalar(query) or 0

    async def claim_one(self, user: UserId, image: ImageId, *, owner: str, until: datetime) -> Capture | None:
        here = and_(captures.c.user_id == str(user), captures.c.image_id == str(image), captures.c.state == "open")
        async with self._database.write() as connection:
            taken = await connection.execute(
                update(captures).where(here).values(lease_owner=owner, lease_until=until, token=captures.c.token + 1)
            )
            if not taken.rowcount:
                return None
            claimed = await connection.execute(
                select(captures, images.c.source)
                .join(images, and_(images.c.user_id == captures.c.user_id, images.c.id == captures.c.image_id))
                .where(here)
            )
            return rows.to_capture(claimed.one())

    async def mark_lost(self, user: UserId, image: ImageId, *, reason: str, at: datetime) -> bool:
        async with self._database.write() as connection:
            lost = await connection.execute(
                update(images)
                .where(
                    images.c.user_id == str(user),
                    images.c.id == str(image),
                    images.c.status == ImageStatus.STORED,
                )
                .values(status=ImageStatus.LOST.value, ended_at=at, reason=reason, detail=None)
            )
            if lost.rowcount:
                await changes.record(connection, str(user), str(image), Change.LOST, at)
        return lost.rowcount == 1

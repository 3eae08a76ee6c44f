"""`ImageCatalog` over SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    update,
)

from app.adapters.catalog import changes, deletions, idempotency, registration, rows, uploads
from app.adapters.catalog.changes import Change
from app.adapters.catalog.database import Database
from app.adapters.catalog.schema import generations, images, is_live
from app.adapters.catalog.schema import idempotency as idempotency_keys
from app.adapters.catalog.types import Instant
from app.domain.catalog import IdempotencyKey, Registered
from app.domain.errors import Conflict
from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImagePosition, ImageSource, ImageStatus, NewImage, Usage

_TOUCHED_AT_ONCE = 1000
_MEASURED = ("content_type", "extension", "width", "height", "frames", "size_bytes")


class SqlImages:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, new: NewImage, *, idempotency_key: IdempotencyKey | None = None) -> Registered:
        user = str(new.user)
        async with self._database.write() as connection:
            known = await idempotency.find(connection, user, idempotency_key)
            if known is not None:
                row = await registration.image_row(connection, user, known)
                if row is not None:
                    is_new = await registration.revive(connection, row, new)
                    return Registered(await registration.get_image(connection, user, known), is_new=is_new)
            image, is_new = await registration.insert_or_find(connection, new)
            if known is None:
                await idempotency.remember(connection, user, idempotency_key, image, new.created_at)
            return Registered(await registration.get_image(connection, user, image), is_new=is_new)

    async def add(self, image: Image, *, idempotency_key: IdempotencyKey | None = None) -> Registered:
        user = str(image.user)
        async with self._database.write() as connection:
            known = await idempotency.find(connection, user, idempotency_key)
            row = None if known is None else await registration.image_row(connection, user, known)
            if row is not None:
                return Registered(rows.to_image(row), is_new=False)
            if await deletions.has_outlived(connection, image.user, image.created_at):
                raise Conflict("Its owner was erased since this image began to arrive: nothing of it is kept.")
            await uploads.insert_stored(connection, image)
            await idempotency.remember(connection, user, idempotency_key, str(image.id), image.created_at)
            return Registered(await registration.get_image(connection, user, str(image.id)), is_new=True)

    async def find(self, user: UserId, image: ImageId) -> Image | None:
        async with self._database.read() as connection:
            row = await registration.image_row(connection, str(user), str(image))
        return None if row is None else rows.to_image(row)

    async def page(
        self,
        user: UserId,
        *,
        after: ImagePosition | None,
        limit: int,
        sources: Sequence[ImageSource] = (),
        since: datetime | None = None,
    ) -> list[Image]:
        query = (
            select(images)
            .where(
                images.c.user_id == str(user),
                is_live,
                images.c.source.in_([source.value for source in sources]) if sources else true(),
                images.c.created_at >= since if since else true(),
                _after(after),
            )
            .order_by(images.c.created_at.desc(), images.c.id.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [rows.to_image(row) for row in await connection.execute(query)]

    async def usage(self, user: UserId) -> Usage:
        stored = images.c.status == ImageStatus.STORED
        query = select(
            func.count(case((stored, 1))),
            func.coalesce(func.sum(case((stored, images.c.size_bytes))), 0),
            func.count(case((images.c.status == ImageStatus.CAPTURING, 1))),
        ).where(images.c.user_id == str(user), images.c.status.in_([ImageStatus.STORED, ImageStatus.CAPTURING]))
        async with self._database.read() as connection:
            count, size, capturing = (await connection.execute(query)).one()
        return Usage(images=count, size=size, capturing=capturing)

    async def mark_deleted(self, user: UserId, image: ImageId, *, reason: str, at: datetime) -> Image | None:
        async with self._database.write() as connection:
            row = await registration.image_row(connection, str(user), str(image))
            if row is None or row.status == ImageStatus.DELETED:
                return None
            await connection.execute(update(images).where(_is(user, image)).values(_tombstone(row, reason, at)))
            await registration.end_capture(connection, str(user), str(image), state="canceled", at=at)
            await changes.record(connection, str(user), str(image), Change.DELETED, at)
        return rows.to_image(row)

    async def mark_unlinked(self, user: UserId, image: ImageId) -> None:
        async with self._database.write() as connection:
            # Only now: until its file was gone, this is what it was found by.
            measured = dict.fromkeys(_MEASURED)
            await connection.execute(
                update(images)
                .where(_is(user, image), images.c.status == ImageStatus.DELETED)
                .values(unlink_owed=false(), **measured)
            )

    async def forget_owner(self, user: UserId, *, at: datetime) -> None:
        async with self._database.write() as connection:
            await deletions.remember_erasure(connection, user, at)
            await deletions.remove_traces(connection, str(user))
            for table in (generations, idempotency_keys):
                await connection.execute(delete(table).where(table.c.user_id == str(user)))

    async def owed_unlinks(self, limit: int) -> list[Image]:
        query = select(images).where(images.c.unlink_owed).limit(limit)
        async with self._database.read() as connection:
            return [rows.to_image(row) for row in await connection.execute(query)]

    async def touch(self, reads: Mapping[tuple[UserId, ImageId], datetime]) -> None:
        statement = (
            update(images)
            .where(
                images.c.user_id == bindparam("of_user"),
                images.c.id == bindparam("of_image"),
                # What is read while it is being deleted leaves no trace on its tombstone.
                images.c.status == ImageStatus.STORED,
                or_(images.c.accessed_at.is_(None), images.c.accessed_at < bindparam("read_at")),
            )
            .values(accessed_at=bindparam("read_at"))
        )
        noted = iter(
            [{"of_user": str(user), "of_image": str(image), "read_at": at} for (user, image), at in reads.items()]
        )
        # Not all in one transaction: captures and imports are waiting for their turn to write.
        while batch := list(islice(noted, _TOUCHED_AT_ONCE)):
            async with self._database.write() as connection:
                await connection.execute(statement, batch)


def _is(user: UserId, image: ImageId) -> ColumnElement[bool]:
    return and_(images.c.user_id == str(user), images.c.id == str(image))


def _after(position: ImagePosition | None) -> ColumnElement[bool]:
    if position is None:
        return true()
    # As one comparison of pairs the index leads straight to the place; an OR of the two would walk there from the top.
    here = tuple_(literal(position.created_at, Instant), literal(str(position.id)))
    return tuple_(images.c.created_at, images.c.id) < here


def _tombstone(row: Row[Any], reason: str, at: datetime) -> dict[str, object]:
    """Return what deletion leaves: the name, when and why.  Nothing of what the picture was.

    That it was output *n* of a generation stays, and of an import hashes of where it came from: else a late webhook
    would bring it back.
    """
    kept: dict[str, object] = {
        "status": ImageStatus.DELETED.value,
        "reason": reason,
        "detail": None,
        "ended_at": at,
        "unlink_owed": row.extension is not None,
        "metadata": {},
    }
    forgotten = ("source_url", "provider", "job_id", "sha256", "thumbhash", "accessed_at")
    return kept | deletions.traces(row) | dict.fromkeys(forgotten)

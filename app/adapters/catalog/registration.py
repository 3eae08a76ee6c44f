"""Statements that bring an image and its capture into being.  All run inside a caller's transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog import changes, rows
from app.adapters.catalog.changes import Change
from app.adapters.catalog.schema import captures, images
from app.domain.errors import ImageIdTaken
from app.domain.images import Image, ImageStatus, NewImage


async def image_row(connection: AsyncConnection, user: str, image: str) -> Row[Any] | None:
    return (await connection.execute(select(images).where(images.c.user_id == user, images.c.id == image))).first()


async def get_image(connection: AsyncConnection, user: str, image: str) -> Image:
    """Return an image that this transaction has written or read."""
    found = await connection.execute(select(images).where(images.c.user_id == user, images.c.id == image))
    return rows.to_image(found.one())


async def insert_or_find(connection: AsyncConnection, new: NewImage) -> tuple[str, bool]:
    """Return the id of the image *new* becomes or already is, and whether a capture was begun for it."""
    found = await same_source(connection, new)
    if found is None:
        await insert_image(connection, new)
        return str(new.id), True
    if found.id != str(new.id) and await image_row(connection, str(new.user), str(new.id)) is not None:
        raise _taken()
    if found.status not in {ImageStatus.REJECTED, ImageStatus.LOST}:
        return found.id, False
    await revive(connection, found.id, new)
    return found.id, True


async def same_source(connection: AsyncConnection, new: NewImage) -> Row[Any] | None:
    """Return the owner's image of the same output or the same address, the oldest if there are several."""
    return (
        await connection.execute(
            select(images)
            .where(
                images.c.user_id == str(new.user),
                images.c.status != ImageStatus.DELETED,
                or_(images.c.source_key == new.source_key, images.c.fingerprint == new.fingerprint),
            )
            .order_by((images.c.source_key == new.source_key).desc(), images.c.created_at)
            .limit(1)
        )
    ).first()


async def insert_image(connection: AsyncConnection, new: NewImage) -> None:
    """Insert *new* as `capturing`, with its capture; raise `ImageIdTaken`."""
    user, image = str(new.user), str(new.id)
    if await image_row(connection, user, image) is not None:
        raise _taken()
    await connection.execute(
        insert(images).values(
            user_id=user,
            id=image,
            url_extension=new.url_extension,
            status=ImageStatus.CAPTURING.value,
            source=new.source.value,
            created_at=new.created_at,
            metadata=dict(new.metadata),
            **rows.of_origin(new),
        )
    )
    await _insert_capture(connection, new)
    await changes.record(connection, user, image, Change.CREATED, new.created_at)


async def give_source(connection: AsyncConnection, image: str, new: NewImage) -> None:
    """Give a promised image, which has a URL and no source yet, its source and its capture."""
    await connection.execute(
        update(images).where(images.c.user_id == str(new.user), images.c.id == image).values(**rows.of_origin(new))
    )
    await _insert_capture(connection, new, image=image)
    await changes.record(connection, str(new.user), image, Change.UPDATED, new.created_at)


async def adopt(connection: AsyncConnection, image: str, new: NewImage) -> None:
    """Let an image that was imported by its address alone count as the job's output it is."""
    await connection.execute(
        update(images).where(images.c.user_id == str(new.user), images.c.id == image).values(**rows.of_origin(new))
    )
    await changes.record(connection, str(new.user), image, Change.UPDATED, new.created_at)


async def revive(connection: AsyncConnection, image: str, new: NewImage) -> None:
    """Capture a rejected or lost image once more, under the id and URL it has."""
    here = (images.c.user_id == str(new.user), images.c.id == image)
    await connection.execute(
        update(images)
        .where(*here)
        .values(
            status=ImageStatus.CAPTURING.value,
            ended_at=None,
            reason=None,
            detail=None,
            source_url=new.origin.source_url,
            fingerprint=new.fingerprint,
        )
    )
    await connection.execute(
        update(captures)
        .where(captures.c.user_id == str(new.user), captures.c.image_id == image)
        .values(
            state="open",
            fetch_from=new.fetch_from,
            deadline=new.deadline,
            settled_at=None,
            attempts=0,
            next_attempt_at=new.created_at,
            lease_owner=None,
            lease_until=None,
            token=captures.c.token + 1,
        )
    )
    await changes.record(connection, str(new.user), image, Change.UPDATED, new.created_at)


async def end_capture(connection: AsyncConnection, user: str, image: str, *, state: str, at: datetime) -> None:
    """Settle a capture whoever holds it: its holder finds out when it tries to settle."""
    await connection.execute(
        update(captures)
        .where(captures.c.user_id == user, captures.c.image_id == image, captures.c.state == "open")
        .values(state=state, settled_at=at, fetch_from=None, lease_owner=None, lease_until=None)
    )


def _taken() -> ImageIdTaken:
    return ImageIdTaken("That image id is taken by another source.", field="image_id")


async def _insert_capture(connection: AsyncConnection, new: NewImage, *, image: str | None = None) -> None:
    await connection.execute(
        insert(captures).values(
            user_id=str(new.user),
            image_id=image or str(new.id),
            state="open",
            fetch_from=new.fetch_from,
            deadline=new.deadline,
            created_at=new.created_at,
            attempts=0,
            next_attempt_at=new.created_at,
            token=0,
        )
    )

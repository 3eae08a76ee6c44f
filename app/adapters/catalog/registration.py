"""Statements that bring an image and its capture into being.  All run inside a caller's transaction."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog import changes, rows
from app.adapters.catalog.changes import Change
from app.adapters.catalog.schema import captures, generations, images, is_live
from app.domain.errors import ImageIdTaken
from app.domain.ids import GenerationId
from app.domain.images import Image, ImageStatus, NewImage

_CAPTURING = {"status": ImageStatus.CAPTURING.value, "ended_at": None, "reason": None, "detail": None}


async def image_row(connection: AsyncConnection, user: str, image: str) -> Row[Any] | None:
    return (await connection.execute(select(images).where(images.c.user_id == user, images.c.id == image))).first()


async def get_image(connection: AsyncConnection, user: str, image: str) -> Image:
    """Return an image that this transaction has written or read."""
    found = await connection.execute(select(images).where(images.c.user_id == user, images.c.id == image))
    return rows.to_image(found.one())


async def insert_or_find(connection: AsyncConnection, new: NewImage) -> tuple[str, bool]:
    """Return the id of the image *new* becomes or already is, and whether a capture was begun for it."""
    found = await same_source(connection, new) or await _promised(connection, new)
    if found is None:
        await insert_image(connection, new)
        return str(new.id), True
    if found.id != str(new.id) and await image_row(connection, str(new.user), str(new.id)) is not None:
        raise _taken()
    if found.source_key is None:
        generation = GenerationId(found.generation_id)
        await give_source(connection, found.id, replace(new, origin=replace(new.origin, generation=generation)))
        return found.id, True
    return found.id, await revive(connection, found, new)


async def same_source(connection: AsyncConnection, new: NewImage) -> Row[Any] | None:
    """Return the owner's image of the same output, else of the same address, the oldest if there are several."""
    user = str(new.user)
    return await of_key(connection, user, new.source_key) or await _only(
        connection, user, images.c.fingerprint == new.fingerprint
    )


async def of_key(connection: AsyncConnection, user: str, source_key: str) -> Row[Any] | None:
    return await _only(connection, user, images.c.source_key == source_key)


async def with_free_key(connection: AsyncConnection, new: NewImage) -> NewImage:
    """Return *new* with a source key that no other image has.

    For outputs whose URL has been handed out twice, before anybody could know that they are one.
    """
    if await of_key(connection, str(new.user), new.source_key) is None:
        return new
    return replace(new, source_key=f"{new.source_key}:{new.id}")


async def insert_image(connection: AsyncConnection, new: NewImage) -> None:
    """Insert *new* as `capturing`, with its capture; raise `ImageIdTaken`."""
    user, image = str(new.user), str(new.id)
    await require_free(connection, user, image)
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


async def require_free(connection: AsyncConnection, user: str, image: str) -> None:
    """Raise `ImageIdTaken` when the owner has, or had, an image of that id."""
    if await image_row(connection, user, image) is not None:
        raise _taken()


async def give_source(connection: AsyncConnection, image: str, new: NewImage) -> None:
    """Give a promised image, which has a URL and no source yet, its source and its capture.

    The promise may have been broken: a job that was given up can still turn up.
    """
    await connection.execute(
        update(images)
        .where(images.c.user_id == str(new.user), images.c.id == image)
        .values(**rows.of_origin(new), **_CAPTURING)
    )
    await _insert_capture(connection, new, image=image)
    await changes.record(connection, str(new.user), image, Change.UPDATED, new.created_at)


async def adopt(connection: AsyncConnection, found: Row[Any], new: NewImage) -> None:
    """Let an image that was imported by itself count as the job's output it is; it is captured again if that failed."""
    await connection.execute(
        update(images).where(images.c.user_id == str(new.user), images.c.id == found.id).values(**rows.of_origin(new))
    )
    if not await revive(connection, found, new):
        await changes.record(connection, str(new.user), found.id, Change.UPDATED, new.created_at)


async def revive(connection: AsyncConnection, found: Row[Any], new: NewImage) -> bool:
    """Capture an image once more if it was rejected or lost, under the id and URL it has; False if it was not."""
    if found.status not in {ImageStatus.REJECTED, ImageStatus.LOST}:
        return False
    image = found.id
    await connection.execute(
        update(images)
        .where(images.c.user_id == str(new.user), images.c.id == image)
        .values(source_url=new.origin.source_url, fingerprint=new.fingerprint, **_CAPTURING)
    )
    await connection.execute(
        update(captures)
        .where(captures.c.user_id == str(new.user), captures.c.image_id == image)
        .values(
            state="open",
            fetch_from=new.fetch_from,
            deadline=new.deadline,
            created_at=new.created_at,
            produced_at=new.produced_at,
            settled_at=None,
            attempts=0,
            next_attempt_at=new.created_at,
            lease_owner=None,
            lease_until=None,
            token=captures.c.token + 1,
        )
    )
    await changes.record(connection, str(new.user), image, Change.UPDATED, new.created_at)
    return True


async def end_capture(connection: AsyncConnection, user: str, image: str, *, state: str, at: datetime) -> None:
    """Settle a capture whoever holds it: its holder finds out when it tries to settle."""
    await connection.execute(
        update(captures)
        .where(captures.c.user_id == user, captures.c.image_id == image, captures.c.state == "open")
        .values(state=state, settled_at=at, fetch_from=None, lease_owner=None, lease_until=None)
    )


async def _only(connection: AsyncConnection, user: str, condition: ColumnElement[bool]) -> Row[Any] | None:
    # One question each: for key and address at once SQLite goes through all images of the owner.
    query = select(images).where(images.c.user_id == user, is_live, condition)
    return (await connection.execute(query.order_by(images.c.created_at).limit(1))).first()


async def _promised(connection: AsyncConnection, new: NewImage) -> Row[Any] | None:
    """Return the first image of a job whose URL was handed out before its source was known."""
    if new.origin.job_id is None or new.origin.output_index != 0:
        return None
    query = (
        select(images)
        .join(generations, and_(images.c.user_id == generations.c.user_id, images.c.id == generations.c.first_image))
        .where(
            generations.c.provider == new.origin.provider,
            generations.c.job_id == new.origin.job_id,
            generations.c.user_id == str(new.user),
            images.c.source_key.is_(None),
            is_live,
        )
    )
    return (await connection.execute(query)).first()


def _taken() -> ImageIdTaken:
    return ImageIdTaken("That image id is taken: by another source, or by an image that was deleted.", field="image_id")


async def _insert_capture(connection: AsyncConnection, new: NewImage, *, image: str | None = None) -> None:
    await connection.execute(
        insert(captures).values(
            user_id=str(new.user),
            image_id=image or str(new.id),
            state="open",
            fetch_from=new.fetch_from,
            deadline=new.deadline,
            created_at=new.created_at,
            produced_at=new.produced_at,
            attempts=0,
            next_attempt_at=new.created_at,
            token=0,
        )
    )

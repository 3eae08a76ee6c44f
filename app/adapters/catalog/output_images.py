"""Statements that tie images to the generation they come from.  All run inside a caller's transaction."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog import changes, deletions, registration, rows
from app.adapters.catalog.changes import Change
from app.adapters.catalog.schema import images
from app.domain.ids import GenerationId
from app.domain.images import DEFAULT_EXTENSION, Image, ImageSource, ImageStatus, NewImage, job_key


async def images_of(connection: AsyncConnection, generation: GenerationId) -> list[Image]:
    found = await connection.execute(
        select(images)
        .where(images.c.generation_id == str(generation))
        .order_by(images.c.output_index, images.c.created_at)
    )
    return [rows.to_image(row) for row in found]


async def promise(connection: AsyncConnection, row: Row[Any], at: datetime) -> Image:
    """Make the first image of the generation *row* before its source is known."""
    await connection.execute(
        insert(images).values(
            user_id=row.user_id,
            id=row.first_image,
            url_extension=DEFAULT_EXTENSION,
            status=ImageStatus.CAPTURING.value,
            source=ImageSource.GENERATED.value,
            created_at=row.created_at,
            provider=row.provider,
            job_id=row.job_id,
            output_index=0,
            generation_id=row.id,
            metadata=row.metadata,
        )
    )
    await changes.record(connection, row.user_id, row.first_image, Change.CREATED, at)
    return await registration.get_image(connection, row.user_id, row.first_image)


async def take_import(connection: AsyncConnection, row: Row[Any], at: datetime) -> Image | None:
    """Return the first output if the app, faster than we, has imported it already: it then has a URL."""
    if row.job_id is None:
        return None
    found = await registration.of_key(connection, row.user_id, job_key(row.provider, row.job_id, 0))
    if found is None or found.status not in {ImageStatus.CAPTURING, ImageStatus.STORED}:
        return None
    await connection.execute(
        update(images).where(images.c.user_id == row.user_id, images.c.id == found.id).values(generation_id=row.id)
    )
    await changes.record(connection, row.user_id, found.id, Change.UPDATED, at)
    return await registration.get_image(connection, row.user_id, found.id)


async def take_deleted(connection: AsyncConnection, row: Row[Any]) -> Image | None:
    """Return the first output if the app has imported and deleted it already: then no URL is to be promised."""
    if row.job_id is None:
        return None
    found = await deletions.find_output(connection, row.user_id, job_key(row.provider, row.job_id, 0))
    if found is None:
        return None
    await deletions.tie(connection, found, row.id, 0)
    return await registration.get_image(connection, row.user_id, found.id)


async def add(connection: AsyncConnection, new: NewImage) -> None:
    """Record one output, unless its image is known: as this output, as a promise, or as an import, deleted or not."""
    user = str(new.user)
    known = await connection.execute(
        select(images.c.id).where(
            images.c.generation_id == str(new.origin.generation),
            images.c.output_index == new.origin.output_index,
            images.c.source_key.is_not(None) | (images.c.status == ImageStatus.DELETED),
        )
    )
    if known.first() is not None:
        return
    promised = await registration.image_row(connection, user, str(new.id))
    if promised is not None:
        await registration.give_source(connection, promised.id, await registration.with_free_key(connection, new))
        return
    found = await registration.same_source(connection, new)
    if found is not None and not found.generation_id:
        await registration.adopt(connection, found, new)
    elif not await deletions.give_to_generation(connection, new):
        await registration.insert_image(connection, await registration.with_free_key(connection, new))


async def break_promise(connection: AsyncConnection, row: Row[Any], at: datetime) -> None:
    """Reject a first image that has a URL but will never have a source."""
    unserved = await connection.execute(
        update(images)
        .where(
            images.c.user_id == row.user_id,
            images.c.id == row.first_image,
            images.c.status == ImageStatus.CAPTURING.value,
            images.c.source_key.is_(None),
        )
        .values(
            status=ImageStatus.REJECTED.value,
            ended_at=at,
            reason=row.error_code or "no_output",
            detail=row.error,
        )
    )
    if unserved.rowcount:
        await changes.record(connection, row.user_id, row.first_image, Change.REJECTED, at)

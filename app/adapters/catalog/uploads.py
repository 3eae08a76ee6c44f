"""Statements that bring a stored image into being without a capture.  All run inside a caller's transaction."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog import changes, registration, rows
from app.adapters.catalog.changes import Change
from app.adapters.catalog.schema import images
from app.domain.images import Image, upload_key


async def insert_stored(connection: AsyncConnection, image: Image) -> None:
    """Insert *image*, whose bytes are published; raise `ImageIdTaken`."""
    user, name = str(image.user), str(image.id)
    if image.facts is None or image.digest is None or image.hosted_at is None:
        raise ValueError(f"{name} is not stored")
    await registration.require_free(connection, user, name)
    await connection.execute(
        insert(images).values(
            user_id=user,
            id=name,
            url_extension=image.url_extension,
            status=image.status.value,
            source=image.source.value,
            source_key=upload_key(image.id),
            created_at=image.created_at,
            hosted_at=image.hosted_at,
            metadata=dict(image.metadata),
            **rows.of_facts(image.facts, image.digest),
        )
    )
    await changes.record(connection, user, name, Change.CREATED, image.created_at)
    await changes.record(connection, user, name, Change.STORED, image.hosted_at)

"""What is remembered of what was deleted: enough to know it again, nothing of what it was.

Statements that run inside a caller's transaction.
"""

import hashlib
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.catalog.schema import images, is_deleted, marks
from app.domain.ids import UserId
from app.domain.images import NewImage, job_key

ERASURES = "erased:"


def traces(row: Row[Any]) -> dict[str, str | None]:
    """Return what the tombstone of the image *row* keeps of its source, as hashes.

    Of an import only: the outputs of a generation are known by their place in it.  Of a data URI nothing: its hash
    would be one of the picture.
    """
    is_import = row.generation_id is None
    has_place = is_import and row.job_id is not None and row.output_index is not None
    return {
        "source_key": _hashed(job_key(row.provider, row.job_id, row.output_index)) if has_place else None,
        "fingerprint": row.fingerprint if is_import and row.source_url is not None else None,
    }


async def remove_traces(connection: AsyncConnection, user: str) -> None:
    await connection.execute(
        update(images).where(images.c.user_id == user, is_deleted).values(source_key=null(), fingerprint=null())
    )


async def give_to_generation(connection: AsyncConnection, new: NewImage) -> bool:
    """Let a deleted import count as the output *new* that it was of; False when there is none."""
    found = await find_output(connection, str(new.user), new.source_key) or await _find(
        connection, str(new.user), images.c.fingerprint == new.fingerprint
    )
    if found is None:
        return False
    await tie(connection, found, str(new.origin.generation), new.origin.output_index)
    return True


async def find_output(connection: AsyncConnection, user: str, key: str) -> Row[Any] | None:
    """Return the deleted import of a job's output; *key* is its source key."""
    return await _find(connection, user, images.c.source_key == _hashed(key))


async def tie(connection: AsyncConnection, found: Row[Any], generation: str, output_index: int | None) -> None:
    """Make a tombstone that of a generation's output: by that it is known from now on."""
    await connection.execute(
        update(images)
        .where(images.c.user_id == found.user_id, images.c.id == found.id)
        .values(generation_id=generation, output_index=output_index, source_key=null(), fingerprint=null())
    )


async def remember_erasure(connection: AsyncConnection, user: UserId, at: datetime) -> None:
    name = _erasure(user)
    await connection.execute(delete(marks).where(marks.c.name == name))
    await connection.execute(insert(marks).values(name=name, at=at, is_suspect=False))


async def is_from_before_erasure(connection: AsyncConnection, user: UserId, made_at: datetime | None) -> bool:
    """Whether *user* was erased since *made_at*; what was made nobody knows when counts as old."""
    erased_at = await _erased_at(connection, user)
    return erased_at is not None and (made_at is None or made_at <= erased_at)


async def has_outlived(connection: AsyncConnection, user: UserId, began: datetime) -> bool:
    """Whether *user* was erased since our own clock said *began*: what begins at that very instant comes after it."""
    erased_at = await _erased_at(connection, user)
    return erased_at is not None and began < erased_at


async def _erased_at(connection: AsyncConnection, user: UserId) -> datetime | None:
    at: datetime | None = await connection.scalar(select(marks.c.at).where(marks.c.name == _erasure(user)))
    return at


def _erasure(user: UserId) -> str:
    digest = hashlib.sha256(str(user).encode()).digest()
    return ERASURES + urlsafe_b64encode(digest).rstrip(b"=").decode()


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


async def _find(connection: AsyncConnection, user: str, condition: ColumnElement[bool]) -> Row[Any] | None:
    query = select(images).where(images.c.user_id == user, is_deleted, images.c.generation_id.is_(None), condition)
    return (await connection.execute(query.order_by(images.c.created_at).limit(1))).first()

"""A catalog in a SQLite file, migrated as the service does it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from app.adapters.catalog.captures import SqlCaptures
from app.adapters.catalog.conversations import SqlConversations
from app.adapters.catalog.database import Database
from app.adapters.catalog.generations import SqlGenerations
from app.adapters.catalog.idempotency import SqlRepetitions
from app.adapters.catalog.images import SqlImages
from app.adapters.catalog.marks import SqlSuccessLog
from app.adapters.catalog.migrate import migrate
from app.adapters.catalog.recovery import SqlRecovery
from app.adapters.catalog.retention import SqlRetention
from app.adapters.catalog.schema import changes
from app.adapters.catalog.upkeep import SqlUpkeep
from app.domain.ids import UserId
from tests.support.catalog import Catalog


def catalog_over(database: Database) -> Catalog:
    async def log(user: UserId) -> list[tuple[int, str, str]]:
        query = select(changes.c.sequence, changes.c.image_id, changes.c.kind).where(changes.c.user_id == str(user))
        async with database.read() as connection:
            rows = await connection.execute(query.order_by(changes.c.sequence))
            return [(row.sequence, row.image_id, row.kind) for row in rows]

    return Catalog(
        images=SqlImages(database),
        captures=SqlCaptures(database),
        generations=SqlGenerations(database),
        conversations=SqlConversations(database),
        retention=SqlRetention(database),
        recovery=SqlRecovery(database),
        repetitions=SqlRepetitions(database),
        successes=SqlSuccessLog(database),
        upkeep=SqlUpkeep(database),
        changes=log,
    )


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalog") / "migrated.sqlite3"
    asyncio.run(migrate(path))
    return path


@pytest.fixture
def path(migrated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated, tmp_path / "holdfast.sqlite3"))


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database(path)
    yield database
    await database.aclose()


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return catalog_over(database)

"""A real catalog, a clock that is moved by hand, and a provider that does as it is told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.catalog.captures import SqlCaptures
from app.adapters.catalog.database import Database
from app.adapters.catalog.generations import SqlGenerations
from app.adapters.catalog.images import SqlImages
from app.adapters.catalog.migrate import migrate
from app.domain.ids import IdFactory
from devkit.clock import FakeClock
from tests.support.doubles import Catalog, FakeProvider


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    path = tmp_path / "holdfast.db"
    await migrate(path)
    database = Database(path)
    yield Catalog(SqlImages(database), SqlCaptures(database), SqlGenerations(database))
    await database.aclose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ids(clock: FakeClock) -> IdFactory:
    count = iter(range(1, 10_000))
    return IdFactory(clock=clock, entropy=lambda size: next(count).to_bytes(size, "big"))


@pytest.fixture
async def provider() -> FakeProvider:
    return FakeProvider(asyncio.get_running_loop().create_future())

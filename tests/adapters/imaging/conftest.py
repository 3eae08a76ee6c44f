"""Pools that are closed again, and a file for them to look into."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.imaging.outline import Limits
from app.adapters.imaging.pool import InspectorPool
from tests.support import hostile_pictures as hostile
from tests.support import pictures
from tests.support.inspector import MakePool


@pytest.fixture
async def make_pool() -> AsyncIterator[MakePool]:
    pools: list[InspectorPool] = []

    def make(**options: object) -> InspectorPool:
        pools.append(InspectorPool(**({"limits": Limits(), "workers": 1} | options)))
        return pools[-1]

    yield make
    for pool in pools:
        await pool.aclose()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good"
    path.write_bytes(pictures.png(70, 40))
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad"
    path.write_bytes(hostile.HTML)
    return path

"""Fixtures that most tests want: a stand-in Replicate, and the service beside it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.replicate import ReplicateStandIn
from tests.support.service import Service, serving


@pytest.fixture
async def replicate() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn() as stand_in:
        yield stand_in


@pytest.fixture
async def service(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    async with serving(tmp_path, replicate) as running:
        yield running

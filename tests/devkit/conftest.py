from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from devkit.replicate import FakeClock, ReplicateStandIn


@pytest.fixture
async def replicate() -> AsyncIterator[ReplicateStandIn]:
    """A stand-in whose clock stands still until a test moves it."""
    async with ReplicateStandIn(clock=FakeClock(), seed=7) as stand_in:
        yield stand_in


@pytest.fixture
async def client(replicate: ReplicateStandIn) -> AsyncIterator[ClientSession]:
    """A session with the key, relative to the API."""
    headers = {"Authorization": f"Bearer {replicate.token}"}
    async with ClientSession(base_url=f"{replicate.base_url}/v1/", headers=headers) as session:
        yield session


@pytest.fixture
async def stranger() -> AsyncIterator[ClientSession]:
    """A session without a key that leaves bodies as they are."""
    async with ClientSession(auto_decompress=False) as session:
        yield session

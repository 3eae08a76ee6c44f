from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from app.adapters.providers.backoff import Backoff
from app.adapters.providers.replicate import ReplicateProvider
from devkit.replicate import FakeClock, ReplicateStandIn

Adapter = Callable[..., ReplicateProvider]


@pytest.fixture
async def replicate() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn(clock=FakeClock(ticking=True)) as stand_in:
        yield stand_in


@pytest.fixture
def pauses() -> list[float]:
    """How long the adapter would have slept between its attempts."""
    return []


@pytest.fixture
async def adapter(replicate: ReplicateStandIn, pauses: list[float]) -> AsyncIterator[Adapter]:
    """Makes adapters that are closed in the end."""

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with AsyncExitStack() as stack:

        def make(**changes: Any) -> ReplicateProvider:
            defaults: dict[str, Any] = {
                "base_url": replicate.base_url,
                "token": replicate.token,
                "clock": replicate.clock,
                "timeout": timedelta(seconds=5),
                "allow_http": True,
                "backoff": Backoff(sleep=sleep, jitter=lambda: 0.5),
            }
            provider = ReplicateProvider(**defaults | changes)
            stack.push_async_callback(provider.aclose)
            return provider

        yield make


@pytest.fixture
def provider(adapter: Adapter) -> ReplicateProvider:
    return adapter()

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from app.adapters.chat.ollama import OllamaModels
from devkit.clock import FakeClock
from devkit.ollama import OllamaStandIn

Adapter = Callable[..., OllamaModels]


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaStandIn]:
    """A stand-in whose clock stands still until a test moves it."""
    async with OllamaStandIn(clock=FakeClock()) as stand_in:
        yield stand_in


@pytest.fixture
async def adapter(ollama: OllamaStandIn) -> AsyncIterator[Adapter]:
    """Makes adapters that are closed in the end."""
    async with AsyncExitStack() as stack:

        def make(**changes: Any) -> OllamaModels:
            patience = {name: timedelta(seconds=20) for name in ("load", "stall", "answer")}
            made = OllamaModels(**{"base_url": ollama.base_url, **patience, **changes})
            stack.push_async_callback(made.aclose)
            return made

        yield make


@pytest.fixture
def models(adapter: Adapter) -> OllamaModels:
    return adapter()

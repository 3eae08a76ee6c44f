"""Fixtures that most tests want: stand-ins for Replicate, fal and Ollama, and the service beside the first."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.fal import FalStandIn
from devkit.ollama import OllamaStandIn
from devkit.replicate import ReplicateStandIn
from tests.support.service import Service, serving


@pytest.fixture
async def replicate() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn() as stand_in:
        yield stand_in


@pytest.fixture
async def fal() -> AsyncIterator[FalStandIn]:
    async with FalStandIn() as stand_in:
        yield stand_in


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaStandIn]:
    async with OllamaStandIn() as stand_in:
        yield stand_in


@pytest.fixture
async def service(tmp_path: Path, replicate: ReplicateStandIn) -> AsyncIterator[Service]:
    async with serving(tmp_path, replicate) as running:
        yield running

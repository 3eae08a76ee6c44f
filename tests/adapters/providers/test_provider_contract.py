"""Replicate and fal keep the same promises."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app.adapters.providers.backoff import Backoff
from app.adapters.providers.fal import FalProvider
from app.adapters.providers.replicate import ReplicateProvider
from devkit.fal import Behaviour as FalBehaviour
from devkit.fal import FalStandIn
from devkit.replicate import Behaviour, FakeClock, ReplicateStandIn
from tests.contracts.provider import ProviderContract


async def at_once(_: float) -> None:
    """Do not wait."""


IMPATIENT = Backoff(sleep=at_once)


class TestReplicate(ProviderContract):
    secret = "r8_stand_in"

    @pytest.fixture
    async def stand_in(self) -> AsyncIterator[ReplicateStandIn]:
        async with ReplicateStandIn(clock=FakeClock(ticking=True), behaviour=Behaviour(processing=0.2)) as found:
            yield found

    @pytest.fixture
    async def provider(self, stand_in: ReplicateStandIn) -> AsyncIterator[ReplicateProvider]:
        provider = self.made(stand_in, stand_in.token)
        yield provider
        await provider.aclose()

    @pytest.fixture
    async def keyless(self, stand_in: ReplicateStandIn) -> ReplicateProvider:
        return self.made(stand_in, None)

    def made(self, stand_in: ReplicateStandIn, token: str | None) -> ReplicateProvider:
        return ReplicateProvider(
            base_url=stand_in.base_url, token=token, clock=stand_in.clock, allow_http=True, backoff=IMPATIENT
        )


class TestFal(ProviderContract):
    model = "fal-ai/flux/dev"
    creating = "submit"
    host = "queue"
    secret = "stand-in:key"

    @pytest.fixture
    async def stand_in(self) -> AsyncIterator[FalStandIn]:
        async with FalStandIn(behaviour=FalBehaviour(running=0.2)) as found:
            yield found

    @pytest.fixture
    async def provider(self, stand_in: FalStandIn) -> AsyncIterator[FalProvider]:
        provider = self.made(stand_in, stand_in.key)
        yield provider
        await provider.aclose()

    @pytest.fixture
    async def keyless(self, stand_in: FalStandIn) -> FalProvider:
        return self.made(stand_in, None)

    def made(self, stand_in: FalStandIn, key: str | None) -> FalProvider:
        return FalProvider(
            queue_url=stand_in.queue_url,
            key=key,
            clock=stand_in.clock,
            lifetime=timedelta(days=7),
            allow_http=True,
            backoff=IMPATIENT,
        )

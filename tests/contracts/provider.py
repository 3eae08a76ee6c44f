"""What holds for every provider, whichever words its API has for it."""

import asyncio
from datetime import timedelta
from typing import Any, Protocol

import pytest

from app.domain.errors import (
    InvalidInput,
    NotFound,
    ProviderAnswerLost,
    ProviderCredit,
    ProviderFailed,
    ProviderNotConfigured,
    ProviderThrottled,
    ProviderUnreachable,
)
from app.domain.generations import Job, JobStatus, Order
from app.domain.ports import Provider
from devkit.clock import FakeClock
from devkit.faults import Faults
from devkit.journal import Journal
from devkit.replicate import ApiFault


class StandIn(Protocol):
    """What both stand-ins have."""

    clock: FakeClock
    journal: Journal
    api_faults: Faults[ApiFault]


class ProviderContract:
    """Subclasses name a *model*, what a create is called in *creating*, and the *secret*; and give the fixtures."""

    model = "acme/painter"
    creating = "create"
    host = "api"
    secret = ""

    async def create(self, provider: Provider, **model_input: Any) -> Job:
        order = Order(model=self.model, version=None, input=model_input)
        return await provider.create(order, wait=timedelta(0), cancel_after=timedelta(hours=1), webhook=None)

    async def ended(self, provider: Provider, job: Job) -> Job:
        async with asyncio.timeout(10):
            while not job.status.is_terminal:
                job = await provider.get(job.id, model=self.model)
        return job

    async def test_a_new_job_is_open_and_has_an_id(self, provider: Provider) -> None:
        job = await self.create(provider)
        assert (job.provider, job.status.is_terminal, job.outputs) == (provider.name, False, ())
        assert job.id

    async def test_a_job_ends_with_its_outputs_and_when_they_expire(
        self, provider: Provider, stand_in: StandIn
    ) -> None:
        job = await self.ended(provider, await self.create(provider))
        assert (job.status, len(job.outputs)) == (JobStatus.SUCCEEDED, 1)
        assert job.outputs_expire_at is not None
        assert job.outputs_expire_at > stand_in.clock()

    async def test_a_create_whose_answer_is_lost_is_not_sent_again(self, provider: Provider, stand_in: StandIn) -> None:
        stand_in.api_faults.add(ApiFault(on=self.creating, drop=True, accepted=True))
        with pytest.raises(ProviderAnswerLost):
            await self.create(provider)
        assert len(stand_in.journal.select(host=self.host, method="POST")) == 1

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, ProviderFailed),
            (402, ProviderCredit),
            (422, ProviderFailed),
            (429, ProviderThrottled),
            (500, ProviderAnswerLost),
            (503, ProviderAnswerLost),
        ],
        ids=str,
    )
    async def test_a_refused_create_says_what_may_have_happened(
        self, provider: Provider, stand_in: StandIn, status: int, error: type[Exception]
    ) -> None:
        stand_in.api_faults.add(ApiFault(on=self.creating, status=status, body={"detail": f"no: {self.secret}"}))
        with pytest.raises(error) as raised:
            await self.create(provider)
        assert type(raised.value) is error
        assert self.secret not in str(raised.value)
        assert len(stand_in.journal.select(host=self.host, method="POST")) == 1

    async def test_a_throttled_create_says_how_long(self, provider: Provider, stand_in: StandIn) -> None:
        stand_in.api_faults.add(ApiFault(on=self.creating, status=429, headers={"Retry-After": "7"}))
        with pytest.raises(ProviderThrottled) as raised:
            await self.create(provider)
        assert raised.value.retry_after == 7

    async def test_a_redirect_is_not_followed(self, provider: Provider, stand_in: StandIn) -> None:
        stand_in.api_faults.add(ApiFault(on=self.creating, status=307, headers={"Location": "/elsewhere"}))
        with pytest.raises(ProviderFailed):
            await self.create(provider)
        assert stand_in.journal.select(path="elsewhere") == []

    async def test_what_is_no_model_is_refused(self, provider: Provider, stand_in: StandIn) -> None:
        for model in ("painter", "../../etc", "a/b?c=d", "a//b", "a/" + "b" * 200):
            order = Order(model=model, version=None, input={})
            with pytest.raises(InvalidInput):
                await provider.create(order, wait=timedelta(0), cancel_after=None, webhook=None)
        assert stand_in.journal.entries == []

    async def test_a_job_nobody_knows_is_not_found(self, provider: Provider) -> None:
        for name in ("b7c9e6f0-1111-4222-8333-444455556666", "../x", ""):
            with pytest.raises(NotFound):
                await provider.get(name, model=self.model)

    async def test_a_question_is_asked_again(self, provider: Provider, stand_in: StandIn) -> None:
        job = await self.create(provider)
        stand_in.api_faults.add(ApiFault(on="any", status=503, body="<html>"), times=2)
        assert (await provider.get(job.id, model=self.model)).id == job.id

    async def test_a_provider_that_stays_down_is_unreachable(self, provider: Provider, stand_in: StandIn) -> None:
        job = await self.create(provider)
        stand_in.api_faults.add(ApiFault(on="any", status=503, body="<html>"), times=20)
        with pytest.raises(ProviderUnreachable):
            await provider.get(job.id, model=self.model)

    async def test_cancelling_ends_a_job_and_not_one_that_has_ended(self, provider: Provider) -> None:
        running = await provider.cancel((await self.create(provider)).id, model=self.model)
        done = await self.ended(provider, await self.create(provider))
        assert running.status is JobStatus.CANCELED
        assert (await provider.cancel(done.id, model=self.model)).status is JobStatus.SUCCEEDED

    async def test_without_a_key_nothing_is_asked(self, keyless: Provider, stand_in: StandIn) -> None:
        with pytest.raises(ProviderNotConfigured):
            await self.create(keyless)
        assert stand_in.journal.entries == []

import asyncio
from typing import Any

import pytest
from aiohttp import ClientError, ClientPayloadError, ClientSession

from devkit.replicate import ApiFault, ReplicateStandIn, insufficient_credit, throttled, unauthenticated

ORDER = {"version": "a/b", "input": {}}


async def attempt(client: ClientSession) -> tuple[int, dict[str, Any]]:
    async with client.post("predictions", json=ORDER) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_a_fault_happens_as_often_as_asked_and_only_to_its_operation(
    replicate: ReplicateStandIn, client: ClientSession
) -> None:
    replicate.api_faults.add(ApiFault(on="create", status=503), times=2)
    async with client.get("predictions") as answer:
        assert answer.status == 200

    assert [(await attempt(client))[0] for _ in range(3)] == [503, 503, 201]


@pytest.mark.parametrize(
    ("fault", "status", "member"),
    [
        (unauthenticated(), 401, {"title": "Unauthenticated"}),
        (insufficient_credit(), 402, {"title": "Insufficient credit"}),
        (throttled(seconds=7), 429, {"detail": "Request was throttled. Your rate limit resets in ~7s."}),
        (throttled(body=5), 429, {"retry_after": 5}),
        (ApiFault(status=422, body={"detail": "no"}), 422, {"detail": "no"}),
    ],
    ids=["401", "402", "429", "429 with retry_after", "422"],
)
async def test_a_fault_is_answered_as_the_real_one(
    replicate: ReplicateStandIn, client: ClientSession, fault: ApiFault, status: int, member: dict[str, Any]
) -> None:
    replicate.api_faults.add(fault)

    answered, body = await attempt(client)

    assert answered == status
    assert member.items() <= body.items()
    assert replicate.predictions == []


async def test_a_throttled_answer_may_carry_the_header(replicate: ReplicateStandIn, client: ClientSession) -> None:
    replicate.api_faults.add(throttled(header="3"))
    async with client.get("predictions") as answer:
        assert answer.headers["Retry-After"] == "3"


@pytest.mark.parametrize("created", [1, 0], ids=["after", "before"])
async def test_a_connection_can_be_dropped_before_or_after_the_prediction_is_created(
    replicate: ReplicateStandIn, client: ClientSession, created: int
) -> None:
    replicate.api_faults.add(ApiFault(drop=True, accepted=created == 1))

    with pytest.raises(ClientError):
        await attempt(client)

    assert len(replicate.predictions) == created
    assert len(replicate.journal.select(method="POST")) == 1


async def test_a_server_error_can_hide_a_created_prediction(replicate: ReplicateStandIn, client: ClientSession) -> None:
    replicate.api_faults.add(ApiFault(status=500, accepted=True))

    assert (await attempt(client))[0] == 500
    assert len(replicate.predictions) == 1


async def test_an_answer_can_break_off(replicate: ReplicateStandIn, client: ClientSession) -> None:
    replicate.api_faults.add(ApiFault(status=201, body={"id": "x" * 500}, cut_after=20))

    with pytest.raises(ClientPayloadError):
        await attempt(client)


async def test_an_answer_can_stay_away_until_the_client_leaves(
    replicate: ReplicateStandIn, client: ClientSession
) -> None:
    replicate.api_faults.add(ApiFault(hang=True, accepted=True))

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(attempt(client), 0.05)

    assert len(replicate.predictions) == 1

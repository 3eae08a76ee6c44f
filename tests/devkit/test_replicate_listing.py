from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from devkit.replicate import FakeClock, ReplicateStandIn


@pytest.fixture
async def replicate() -> AsyncIterator[ReplicateStandIn]:
    """A stand-in with pages of two."""
    async with ReplicateStandIn(clock=FakeClock(), page_size=2) as stand_in:
        yield stand_in


async def create(replicate: ReplicateStandIn, client: ClientSession, count: int) -> list[str]:
    """Create so many predictions, a minute apart, and return their ids, newest first."""
    ids = []
    for _ in range(count):
        replicate.advance(60)
        async with client.post("predictions", json={"version": "a/b", "input": {}}) as answer:
            ids.append((await answer.json())["id"])
    return ids[::-1]


async def page(client: ClientSession, url: str) -> dict[str, Any]:
    async with client.get(url) as answer:
        assert answer.status == 200
        return await answer.json()


async def test_pages_lead_to_each_other_newest_first(replicate: ReplicateStandIn, client: ClientSession) -> None:
    ids = await create(replicate, client, 5)

    first = await page(client, "predictions")
    second = await page(client, first["next"])
    third = await page(client, second["next"])

    pages = [[each["id"] for each in listed["results"]] for listed in (first, second, third)]
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert (first["previous"], third["next"]) == (None, None)
    assert await page(client, second["previous"]) == first


async def test_a_list_can_be_bounded_by_time_and_its_pages_stay_so(
    replicate: ReplicateStandIn, client: ClientSession
) -> None:
    ids = await create(replicate, client, 5)

    after = await page(client, "predictions?created_after=2026-01-01T12:03:00Z")
    before = await page(client, "predictions?created_before=2026-01-01T12:03:00Z")

    assert [each["id"] for each in after["results"]] == ids[:2]
    assert "created_after=2026-01-01T12:03:00Z" in after["next"]
    assert [each["id"] for each in (await page(client, after["next"]))["results"]] == [ids[2]]
    assert [each["id"] for each in before["results"]] == ids[3:]


@pytest.mark.parametrize("query", ["created_after=yesterday", "cursor=%21%21"])
async def test_a_list_that_makes_no_sense_is_refused(client: ClientSession, query: str) -> None:
    async with client.get(f"predictions?{query}") as answer:
        assert answer.status in {400, 422}

"""Retention as an app sees it: what stays, what goes, and what a URL says afterwards."""

import asyncio
import base64
from datetime import timedelta
from pathlib import Path

import pytest

from app.services.retention import Skipped, SweepReport
from devkit.clock import FakeClock
from devkit.replicate import ReplicateStandIn
from tests.support.pictures import noise_png, png
from tests.support.problems import problem_of
from tests.support.service import Service, serving
from tests.support.still import host, still
from tests.support.waiting import until

HOUR, DAY = 3600, 86400
AT_ONCE = {"IMAGE_MIN_AGE_HOURS": "0"}


async def statuses(service: Service, *images: str, user: str = "ana") -> list[int]:
    return [(await service.http.get(f"/v1/images/hosted/{user}/{image}")).status for image in images]


async def sweep(service: Service, *, after: float = 0) -> SweepReport:
    service.clock.advance(after)
    return await service.graph.retention.sweep()


async def test_images_go_at_their_age_in_fractions_of_a_day(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock(), IMAGE_MAX_AGE_DAYS="0.5", **AT_ONCE) as service:
        await host(service)
        await sweep(service, after=12 * HOUR - 1)
        assert await statuses(service, "pic") == [200]
        await sweep(service, after=1)
        document = await problem_of(
            await service.http.get("/v1/images/hosted/ana/pic"), status=410, code="image_deleted"
        )
    assert (document["reason"], document["deleted_at"]) == ("expired", "2026-01-02T00:00:00Z")
    assert service.files() == []


async def test_reading_an_image_does_not_make_it_younger(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock(), IMAGE_MAX_AGE_DAYS="1", **AT_ONCE) as service:
        await host(service)
        service.clock.advance(DAY - 1)
        assert await statuses(service, "pic") == [200]
        await sweep(service, after=1)
        assert await statuses(service, "pic") == [410]


async def test_nothing_young_goes_whatever_the_rules_say(tmp_path: Path) -> None:
    rules = {"IMAGE_MAX_AGE_DAYS": "0.1", "IMAGE_PER_USER_LIMIT": "1", "IMAGE_STORAGE_MAX_GB": "0.0000001"}
    async with still(tmp_path, clock=FakeClock(), **rules) as service:
        await host(service, "one")
        await host(service, "two")
        report = await sweep(service, after=23 * HOUR)
        assert await statuses(service, "one", "two") == [200, 200]
        assert report.protected.images == 2
        await sweep(service, after=HOUR)
        assert await statuses(service, "one", "two") == [410, 410]


async def test_beyond_the_limit_the_least_recently_read_goes(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock(), IMAGE_PER_USER_LIMIT="2", **AT_ONCE) as service:
        for name in ("one", "two", "three"):
            await host(service, name)
            service.clock.advance(60)
        await statuses(service, "one")
        await sweep(service, after=60)
        assert await statuses(service, "one", "two", "three") == [200, 410, 200]
        gone = await (await service.http.get("/v1/images/hosted/ana/two")).json(content_type=None)
    assert gone["reason"] == "over_limit"


async def test_reads_from_before_a_restart_count(tmp_path: Path) -> None:
    clock = FakeClock(ticking=True)
    async with serving(tmp_path, clock=clock) as service:
        data = [base64.b64encode(png(seed=seed)).decode() for seed in range(3)]
        for name, content in zip(("one", "two", "three"), data, strict=True):
            await service.import_url(f"data:image/png;base64,{content}", image_id=name)
            clock.advance(60)
        assert await statuses(service, "one") == [200]
    async with still(tmp_path, clock=clock, IMAGE_PER_USER_LIMIT="2", **AT_ONCE) as service:
        await sweep(service)
        assert await statuses(service, "one", "two", "three") == [200, 410, 200]


async def test_the_limit_holds_right_after_an_image_came_in(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    settings = {"IMAGE_PER_USER_LIMIT": "2", "CLEANUP_INTERVAL_HOURS": "1000", **AT_ONCE}
    async with serving(tmp_path, replicate, **settings) as service:
        made = [(await (await service.generate()).json())["id"] for _ in range(2)]
        assert await statuses(service, made[0]) == [200]
        made.append((await (await service.generate()).json())["id"])

        async def is_gone() -> bool:
            # Not by reading it, which would make it the most recently used.
            return await statuses(service, f"{made[1]}/info") == [410]

        await until(is_gone)
        assert await statuses(service, *made) == [200, 410, 200]


async def test_each_owner_has_a_limit_of_their_own(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock(), IMAGE_PER_USER_LIMIT="1", **AT_ONCE) as service:
        for user in ("ana", "bob"):
            await host(service, "one", user=user)
            service.clock.advance(1)
        await host(service, "two")
        await sweep(service, after=1)
        assert await statuses(service, "one", "two") == [410, 200]
        assert await statuses(service, "one", user="bob") == [200]


async def test_a_store_too_large_shrinks_to_the_low_mark(tmp_path: Path) -> None:
    limits = {"IMAGE_STORAGE_MAX_GB": "0.0001", "VOLUME_LOW_WATER": "0.5", "VOLUME_HIGH_WATER": "0.999"}
    async with still(tmp_path, clock=FakeClock(), **limits, **AT_ONCE) as service:
        names = [f"pic-{number}" for number in range(5)]
        for name in names:
            await host(service, name, content=noise_png(25_000))
            service.clock.advance(1)
        await sweep(service, after=60)
        assert await statuses(service, *names) == [410, 410, 410, 200, 200]
        gone = await (await service.http.get("/v1/images/hosted/ana/pic-0")).json(content_type=None)
    assert gone["reason"] == "space"


@pytest.mark.parametrize("years", [10, -10], ids=["ahead", "back"])
async def test_a_clock_that_jumps_empties_nothing(tmp_path: Path, years: int) -> None:
    start = FakeClock()()
    names = [f"pic-{number}" for number in range(5)]
    async with still(tmp_path, clock=FakeClock(start), **AT_ONCE) as service:
        for name in names:
            await host(service, name)
        assert (await sweep(service, after=60)).skipped is None
    wrong = FakeClock(start + timedelta(days=365 * years))
    async with still(tmp_path, clock=wrong, IMAGE_PER_USER_LIMIT="1", **AT_ONCE) as service:
        for _ in range(3):
            assert (await sweep(service, after=60)).skipped is Skipped.CLOCK_SUSPECT
        assert await statuses(service, *names) == [200] * 5


async def test_a_clock_that_jumps_empties_nothing_after_an_ingest_either(tmp_path: Path) -> None:
    start = FakeClock()()
    async with still(tmp_path, clock=FakeClock(start)) as service:
        await host(service)
        await sweep(service)
    ahead = FakeClock(start + timedelta(days=3650), ticking=True)
    async with serving(tmp_path, clock=ahead, IMAGE_PER_USER_LIMIT="1") as service:
        data = base64.b64encode(png()).decode()
        assert (await service.import_url(f"data:image/png;base64,{data}")).status == 201
        await asyncio.sleep(0.05)
        assert await statuses(service, "pic") == [200]


async def test_what_retention_removed_can_be_hosted_anew(tmp_path: Path, replicate: ReplicateStandIn) -> None:
    async with still(tmp_path, replicate, IMAGE_MAX_AGE_DAYS="1", **AT_ONCE) as service:
        first = await host(service)
        await sweep(service, after=DAY)
        again = await service.import_url("data:image/png;base64,iVBORw0KGgo=", wait=0)
        assert again.status == 202
        assert (await again.json())["id"] != str(first.id)

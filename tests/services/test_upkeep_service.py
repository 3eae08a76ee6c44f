"""Upkeep over the real service: what goes, what stays, and that it waits for a clock it can trust."""

from datetime import timedelta
from pathlib import Path

from app.domain.clock_guard import Sighting
from app.services.upkeep import UpkeepReport
from devkit.clock import FakeClock
from tests.support.service import Service
from tests.support.still import host, still

DAY = 86400


async def upkeep(service: Service, *, is_suspect: bool = False) -> UpkeepReport | None:
    """Do the upkeep as after a sweep that has just looked at the clock."""
    await service.graph.adapters.retention.record_sweep(Sighting(service.clock(), is_suspect=is_suspect))
    return await service.graph.upkeep.run()


def put_aside(service: Service, image: str, content: bytes = b"picture") -> Path:
    path = service.folder / "images" / ".quarantine" / "ana" / f"{image}.png.0123"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


async def test_a_clock_that_is_suspect_puts_everything_off(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock()) as service:
        assert await service.graph.upkeep.run() is None
        assert await upkeep(service, is_suspect=True) is None
        assert await upkeep(service) == UpkeepReport()


async def test_what_is_set_aside_of_a_deleted_image_goes(tmp_path: Path) -> None:
    async with still(tmp_path) as service:
        await host(service)
        path = put_aside(service, "pic")
        assert (await service.http.delete("/v1/images/hosted/ana/pic")).status == 204
        report = await upkeep(service)
    assert report is not None
    assert (report.purged_files, report.purged_bytes, report.kept_files) == (1, 7, 0)
    assert not path.exists()


async def test_what_is_set_aside_beside_a_stored_image_goes_after_thirty_days(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock(ticking=True), IMAGE_MAX_AGE_DAYS="0") as service:
        await host(service)
        path = put_aside(service, "pic")
        service.clock.advance(29 * DAY)
        await upkeep(service)
        assert path.exists()
        service.clock.advance(2 * DAY)
        await upkeep(service)
        assert not path.exists()
        assert (await service.http.get("/v1/images/hosted/ana/pic")).status == 200


async def test_what_nobody_can_explain_stays_and_is_told(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock(ticking=True)) as service:
        path = put_aside(service, "unknown")
        odd = put_aside(service, "odd name")
        service.clock.advance(400 * DAY)
        report = await upkeep(service)
    assert report is not None
    assert (report.purged_files, report.kept_files, report.kept_bytes) == (0, 2, 14)
    assert path.exists()
    assert odd.exists()


async def test_rows_of_no_more_use_go_and_those_of_use_stay(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock(), IMAGE_MAX_AGE_DAYS="0") as service:
        await host(service, "one")
        await host(service, "two")
        body = {"user_id": "ana", "url": "https://127.0.0.1/three.png", "wait": 0}
        await service.http.post("/v1/images/import", json=body, headers={"Idempotency-Key": "k1"})
        await service.http.delete("/v1/images/hosted/ana/one")
        service.clock.advance(timedelta(days=8).total_seconds())
        early = await upkeep(service)
        service.clock.advance(1)
        late = await upkeep(service)
    assert early == UpkeepReport()
    assert late == UpkeepReport(keys=1, captures=1)


async def test_an_erasure_is_remembered_for_ninety_days(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock()) as service:
        await service.http.delete("/v1/users/ana")
        service.clock.advance(90 * DAY)
        early = await upkeep(service)
        service.clock.advance(1)
        late = await upkeep(service)
    assert early == UpkeepReport()
    assert late == UpkeepReport(erasures=1)

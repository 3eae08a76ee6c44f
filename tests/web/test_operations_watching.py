"""What an operator's alerts stand on, as `/metrics` says it."""

from math import inf, isnan
from pathlib import Path

import pytest

from app.domain.errors import StorageUnavailable
from app.domain.metrics import Task
from devkit.clock import FakeClock
from devkit.replicate import DeliveryFault, ReplicateStandIn
from tests.support.pictures import png
from tests.support.service import Service, serving
from tests.support.sources import data_uri
from tests.support.still import still
from tests.support.waiting import until
from tests.web.test_import_predictions import adopt, own_prediction
from tests.web.test_operations_metrics import numbers

HOUR = 3600
LAST = 'holdfast_last_success_timestamp_seconds{{task="{}"}}'


async def register(service: Service, url: str) -> None:
    assert (await service.import_url(url, wait=0)).status == 202


async def test_nothing_is_lost_or_at_risk_at_first_and_that_is_said(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock()) as service:
        found = await numbers(service)
    assert found["holdfast_images_lost_total"] == 0
    assert found['holdfast_images_total{status="lost"}'] == 0
    assert (found["holdfast_captures_open"], found["holdfast_images_at_risk"]) == (0, 0)
    assert (found["holdfast_images_at_risk_bytes"], found["holdfast_stored_bytes_total"]) == (0, 0)
    assert found["holdfast_capture_deadline_seconds"] == inf
    assert [found[LAST.format(task)] for task in Task] == [0] * len(Task)


async def test_what_waits_comes_to_be_at_risk_as_its_deadline_comes_near(tmp_path: Path) -> None:
    async with still(tmp_path, clock=FakeClock()) as service:
        await register(service, "https://127.0.0.1/one.png")
        service.clock.advance(HOUR / 2)
        await register(service, "https://127.0.0.1/two.png")
        await register(service, data_uri(png(8, 6)))
        before = await numbers(service)
        service.clock.advance(HOUR / 4)
        near = await numbers(service)
        service.clock.advance(HOUR)
        past = await numbers(service)
    names = ("holdfast_captures_open", "holdfast_images_at_risk", "holdfast_capture_deadline_seconds")
    assert [before[name] for name in names] == [3, 0, HOUR / 2]
    assert [near[name] for name in names] == [3, 1, HOUR / 4]
    assert [past[name] for name in names] == [3, 2, -3 * HOUR / 4]


async def test_what_is_stored_is_counted_in_bytes_and_in_seconds_since_its_provider_made_it(
    service: Service, replicate: ReplicateStandIn
) -> None:
    prediction = await own_prediction(service, replicate)
    replicate.advance(20 * 60)
    assert (await adopt(service, prediction)).status == 200
    found = await numbers(service)
    (name,) = service.files()
    assert found["holdfast_stored_bytes_total"] == (service.folder / "images" / "ana" / name).stat().st_size
    assert found["holdfast_capture_seconds_count"] == 1
    assert 20 * 60 <= found["holdfast_capture_seconds_sum"] < 21 * 60


async def test_attempts_that_are_made_again_are_counted_by_why(service: Service, replicate: ReplicateStandIn) -> None:
    replicate.delivery_faults.add(DeliveryFault(status=503), times=2)
    assert (await service.generate()).status == 200
    found = await numbers(service)
    assert found['holdfast_capture_retries_total{code="source_unavailable"}'] == 2
    assert found['holdfast_images_total{status="stored"}'] == 1


async def test_a_loss_is_a_loss_before_and_after_it_was_stored(service: Service, replicate: ReplicateStandIn) -> None:
    image = await (await service.generate()).json()
    replicate.advance(2 * HOUR)
    await service.import_url(image["replicate_url"], user="bob")
    (name,) = service.files()
    (service.folder / "images" / "ana" / name).write_bytes(b"")
    await service.graph.rounds.recover()
    assert (await numbers(service))["holdfast_images_lost_total"] == 2


async def test_the_last_successes_are_told_and_outlive_the_process(tmp_path: Path) -> None:
    clock = FakeClock()
    async with serving(tmp_path, clock=clock) as service:
        began = clock().timestamp()
        await service.graph.rounds.sweep()
        clock.advance(60)
        await service.graph.rounds.scrub()

        async def has_reconciled() -> bool:
            return (await numbers(service))[LAST.format("reconcile")] > 0

        await until(has_reconciled)
    async with still(tmp_path, clock=clock) as service:
        found = await numbers(service)
    assert [found[LAST.format(task)] for task in ("sweep", "scrub")] == [began, began + 60]


async def test_what_cannot_be_measured_is_no_number_and_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("The catalog is unavailable.")

    async with still(tmp_path, clock=FakeClock()) as service:
        for method in ("backlog", "risk"):
            monkeypatch.setattr(type(service.graph.adapters.captures), method, fail)
        found = await numbers(service)
    assert found["holdfast_ready"] == 0
    assert isnan(found["holdfast_images_at_risk"])
    assert isnan(found["holdfast_capture_deadline_seconds"])
    assert isnan(found[LAST.format("sweep")])

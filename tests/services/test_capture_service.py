"""One attempt to save one source, and what follows from it, also while the catalog is failing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from app.adapters.catalog.captures import SqlCaptures
from app.adapters.metrics.prometheus import PrometheusMetrics
from app.domain.captures import Capture
from app.domain.errors import (
    AppError,
    Overloaded,
    SourceGone,
    SourceRejected,
    SourceUnavailable,
    StorageFull,
    StorageUnavailable,
)
from app.domain.images import Image, ImageStatus
from app.services.capture import CaptureService
from devkit.clock import FakeClock
from tests.support.doubles import ANA, Catalog, FakeSaver, an_image

LEASE = timedelta(seconds=30)


class Stumbling:
    """A queue that fails as often as it is told when something is settled or given back."""

    def __init__(self, inner: SqlCaptures, failures: list[Exception]) -> None:
        self._inner = inner
        self._failures = failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def settle_stored(self, capture: Capture, **more: Any) -> Image | None:
        if self._failures:
            raise self._failures.pop()
        return await self._inner.settle_stored(capture, **more)

    async def release(self, capture: Capture, **more: Any) -> bool:
        if self._failures:
            raise self._failures.pop()
        return await self._inner.release(capture, **more)

    async def settle_failed(self, capture: Capture, **more: Any) -> bool:
        if self._failures:
            raise self._failures.pop()
        return await self._inner.settle_failed(capture, **more)


def service_of(
    catalog: Catalog, clock: FakeClock, saver: FakeSaver, *, failures: list[Exception] | None = None
) -> CaptureService:
    async def settled(capture: Capture, stored: Image | None) -> None:
        """Nobody is told."""

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    return CaptureService(
        queue=Stumbling(catalog.captures, failures or []),
        images=catalog.images,
        saver=saver,
        clock=clock,
        jitter=lambda: 0.5,
        on_settled=settled,
        metrics=PrometheusMetrics(version="0"),
        sleep=sleep,
    )


async def claimed(catalog: Catalog, clock: FakeClock, **more: Any) -> Capture:
    await catalog.images.register(an_image("a", clock(), **more))
    (capture,) = await catalog.captures.claim(owner="us", now=clock(), lease=LEASE, limit=1)
    return capture


async def status_of(catalog: Catalog, capture: Capture) -> tuple[ImageStatus, str | None]:
    found = await catalog.images.find(capture.user, capture.image)
    assert found is not None
    return found.status, found.reason


def failing(*failures: Exception) -> Callable[[], Awaitable[None]]:
    left = list(failures)

    async def fail() -> None:
        if left:
            raise left.pop(0)

    return fail


async def test_what_is_saved_is_stored(catalog: Catalog, clock: FakeClock) -> None:
    capture = await claimed(catalog, clock)
    await service_of(catalog, clock, FakeSaver()).attempt(capture)

    assert await status_of(catalog, capture) == (ImageStatus.STORED, None)


@pytest.mark.parametrize("failure", [Overloaded("busy"), StorageFull("full"), StorageUnavailable("gone")], ids=repr)
async def test_what_is_saved_is_recorded_until_the_catalog_takes_it(
    catalog: Catalog, clock: FakeClock, failure: AppError
) -> None:
    capture = await claimed(catalog, clock)
    saver = FakeSaver()
    await service_of(catalog, clock, saver, failures=[failure] * 5).attempt(capture)

    assert await status_of(catalog, capture) == (ImageStatus.STORED, None)
    assert saver.saves == 1


async def test_what_is_saved_is_not_lost_for_a_catalog_that_fails_past_the_deadline(
    catalog: Catalog, clock: FakeClock
) -> None:
    capture = await claimed(catalog, clock)
    clock.advance(3601)
    await service_of(catalog, clock, FakeSaver(), failures=[StorageFull("full")]).attempt(capture)

    assert await status_of(catalog, capture) == (ImageStatus.STORED, None)


@pytest.mark.parametrize(
    ("failure", "status", "reason"),
    [
        (SourceRejected("truncated", "It ends too soon."), ImageStatus.REJECTED, "truncated"),
        (SourceGone("gone"), ImageStatus.LOST, "source_gone"),
    ],
    ids=["rejected", "gone"],
)
async def test_what_can_never_be_saved_ends(
    catalog: Catalog, clock: FakeClock, failure: AppError, status: ImageStatus, reason: str
) -> None:
    capture = await claimed(catalog, clock)
    await service_of(catalog, clock, FakeSaver(failing(failure))).attempt(capture)

    assert await status_of(catalog, capture) == (status, reason)


@pytest.mark.parametrize("kind", [SourceUnavailable, StorageFull, Overloaded, RuntimeError])
async def test_what_may_go_better_is_tried_until_its_deadline(
    catalog: Catalog, clock: FakeClock, kind: type[Exception]
) -> None:
    capture = await claimed(catalog, clock)
    saver = FakeSaver(failing(*(kind("not now") for _ in range(500))))
    service = service_of(catalog, clock, saver)
    await service.attempt(capture)
    while (await status_of(catalog, capture))[0] is ImageStatus.CAPTURING:
        clock.advance(5)
        for again in await catalog.captures.claim(owner="us", now=clock(), lease=LEASE, limit=1):
            await service.attempt(again)

    assert await status_of(catalog, capture) == (ImageStatus.LOST, "deadline_passed")
    assert saver.saves > 20


async def test_a_bug_does_not_go_on_for_ever_where_there_is_no_deadline(catalog: Catalog, clock: FakeClock) -> None:
    first = await claimed(catalog, clock, deadline=None)
    service = service_of(catalog, clock, FakeSaver(failing(*(RuntimeError("a bug") for _ in range(50)))))
    await service.attempt(first)
    while (await status_of(catalog, first))[0] is ImageStatus.CAPTURING:
        clock.advance(61)
        (capture,) = await catalog.captures.claim(owner="us", now=clock(), lease=LEASE, limit=1)
        await service.attempt(capture)

    assert await status_of(catalog, first) == (ImageStatus.LOST, "internal")


async def test_a_file_of_an_image_that_was_deleted_meanwhile_goes(catalog: Catalog, clock: FakeClock) -> None:
    capture = await claimed(catalog, clock)

    async def delete() -> None:
        await catalog.images.mark_deleted(ANA, capture.image, reason="user_request", at=clock())

    saver = FakeSaver(delete)
    await service_of(catalog, clock, saver).attempt(capture)

    assert saver.discarded == ["ana/a.png"]
    assert await status_of(catalog, capture) == (ImageStatus.DELETED, "user_request")


async def test_a_file_that_another_holder_has_stored_stays(catalog: Catalog, clock: FakeClock) -> None:
    slow = await claimed(catalog, clock)
    clock.advance(31)
    (quick,) = await catalog.captures.claim(owner="them", now=clock(), lease=LEASE, limit=1)
    saver = FakeSaver()
    service = service_of(catalog, clock, saver)
    await service.attempt(quick)
    await service.attempt(slow)

    assert saver.discarded == []
    assert await status_of(catalog, slow) == (ImageStatus.STORED, None)


async def test_an_attempt_that_failed_is_given_back_long_before_its_lease_ends_though_the_catalog_fails_too(
    catalog: Catalog, clock: FakeClock
) -> None:
    capture = await claimed(catalog, clock)
    began = clock()
    saver = FakeSaver(failing(SourceUnavailable("down")))
    await service_of(catalog, clock, saver, failures=[StorageUnavailable("read-only")] * 3).attempt(capture)

    backlog = await catalog.captures.backlog()
    assert backlog.next_attempt_at is not None
    assert backlog.next_attempt_at - began < LEASE / 2


async def test_a_refusal_is_recorded_until_the_catalog_takes_it(catalog: Catalog, clock: FakeClock) -> None:
    capture = await claimed(catalog, clock)
    saver = FakeSaver(failing(SourceRejected("corrupt", "No image.")))
    await service_of(catalog, clock, saver, failures=[Overloaded("busy")] * 3).attempt(capture)

    assert (await status_of(catalog, capture))[0] is ImageStatus.REJECTED

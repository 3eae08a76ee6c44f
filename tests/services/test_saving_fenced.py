"""A holder that was thought dead and comes back: what the row names stays where it is.  Real catalog, real volume."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.adapters.blobs.volume import VolumeBlobStore
from app.adapters.catalog.captures import SqlCaptures
from app.adapters.metrics.prometheus import PrometheusMetrics
from app.domain.captures import Capture
from app.domain.errors import Overloaded
from app.domain.images import Image, ImageFacts, ImageStatus
from app.domain.ports import Source, Staging
from app.services.capture import CaptureService
from app.services.capture_runner import LEASE
from app.services.saving import ImageSaver
from devkit.clock import FakeClock
from tests.support.doubles import ANA, FACTS, Catalog, an_image

OLD, NEW = b"what the source sent first", b"what it sends now"


@dataclass
class Sends:
    """A source that sends *content*."""

    content: bytes

    def admit(self, text: str) -> Source:
        return Source(text=text, is_data=False, extension="png", fingerprint="f" * 64)

    async def fetch(self, source: Source, into: Staging) -> None:
        await into.write(self.content)

    async def aclose(self) -> None: ...


class TakesAnything:
    async def inspect(self, path: Path) -> ImageFacts:
        return FACTS

    async def aclose(self) -> None: ...


async def nothing() -> None: ...


class Stalled:
    """A queue whose holder stalls: *before* the question whether a capture is its own, or *after* the answer."""

    def __init__(
        self,
        inner: SqlCaptures,
        *,
        before: Callable[[], Awaitable[object]] = nothing,
        after: Callable[[], Awaitable[object]] = nothing,
        failure: Exception | None = None,
    ) -> None:
        self._inner = inner
        self._before = before
        self._after = after
        self._failure = failure

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def holds(self, capture: Capture) -> bool:
        await self._before()
        if self._failure is not None:
            raise self._failure
        is_ours = await self._inner.holds(capture)
        await self._after()
        return is_ours


@dataclass
class Place:
    """A catalog, a volume, and one capture on it."""

    catalog: Catalog
    clock: FakeClock
    blobs: VolumeBlobStore
    root: Path

    def service(self, content: bytes, queue: Any = None) -> CaptureService:
        queue = queue or self.catalog.captures

        async def settled(capture: Capture, stored: Image | None) -> None: ...

        return CaptureService(
            queue=queue,
            images=self.catalog.images,
            saver=ImageSaver(queue=queue, blobs=self.blobs, downloader=Sends(content), inspector=TakesAnything()),
            clock=self.clock,
            jitter=lambda: 0.5,
            on_settled=settled,
            metrics=PrometheusMetrics(version="0"),
        )

    async def claim(self) -> Capture:
        """Claim the capture, as another process does when a lease has run out."""
        self.clock.advance(LEASE.total_seconds() + 1)
        (capture,) = await self.catalog.captures.claim(owner="any", now=self.clock(), lease=LEASE, limit=1)
        return capture

    async def take_over(self) -> None:
        await self.service(NEW).attempt(await self.claim())

    def aside(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.root / ".quarantine").rglob("*") if path.is_file()]

    async def assert_row_names_what_lies_there(self, content: bytes) -> None:
        (image,) = await self.catalog.images.page(ANA, after=None, limit=9)
        assert (image.status, image.digest and image.digest.sha256) == (
            ImageStatus.STORED,
            hashlib.sha256(content).hexdigest(),
        )
        assert (self.root / "ana" / "a.png").read_bytes() == content


@pytest.fixture
async def place(catalog: Catalog, clock: FakeClock, tmp_path: Path) -> Place:
    names = count()
    blobs = VolumeBlobStore(tmp_path / "images", new_name=lambda: f"n{next(names)}", reserve=0)
    await blobs.prepare()
    await catalog.images.register(an_image("a", clock()))
    return Place(catalog, clock, blobs, tmp_path / "images")


async def test_who_stalled_before_it_asked_changes_nothing(place: Place) -> None:
    capture = await place.claim()
    await place.service(OLD, Stalled(place.catalog.captures, before=place.take_over)).attempt(capture)

    await place.assert_row_names_what_lies_there(NEW)
    assert place.aside() == []


async def test_who_stalled_after_it_asked_changes_nothing(place: Place) -> None:
    capture = await place.claim()
    await place.service(OLD, Stalled(place.catalog.captures, after=place.take_over)).attempt(capture)

    await place.assert_row_names_what_lies_there(NEW)
    assert place.aside() == []


async def test_what_another_has_published_but_not_recorded_yet_stays(place: Place) -> None:
    stale = await place.claim()
    fresh = await place.claim()
    recording = Recording(place.catalog.captures)
    other = asyncio.create_task(place.service(NEW, recording).attempt(fresh))
    async with asyncio.timeout(10):
        await recording.begun.wait()
        await place.service(OLD).attempt(stale)
        recording.go_on.set()
        await other

    await place.assert_row_names_what_lies_there(NEW)


class Recording:
    """A queue whose holder stalls between its file and its row."""

    def __init__(self, inner: SqlCaptures) -> None:
        self._inner = inner
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def settle_stored(self, capture: Capture, **more: Any) -> Image | None:
        self.begun.set()
        await self.go_on.wait()
        return await self._inner.settle_stored(capture, **more)


async def test_what_a_holder_that_died_left_gives_way_to_whoever_holds_it_now(place: Place) -> None:
    (place.root / "ana").mkdir()
    (place.root / "ana" / "a.png").write_bytes(OLD)
    await place.service(NEW).attempt(await place.claim())

    await place.assert_row_names_what_lies_there(NEW)
    assert place.aside() == [OLD]


async def test_a_late_file_under_a_free_name_gives_way_to_the_holders(place: Place) -> None:
    stale = await place.claim()
    fresh: list[Capture] = []

    async def lose_it() -> None:
        fresh.append(await place.claim())

    await place.service(OLD, Stalled(place.catalog.captures, after=lose_it)).attempt(stale)
    await place.service(NEW).attempt(fresh[0])

    await place.assert_row_names_what_lies_there(NEW)


async def test_a_catalog_that_cannot_say_whose_it_is_costs_no_bytes(place: Place) -> None:
    capture = await place.claim()
    await place.service(NEW, Stalled(place.catalog.captures, failure=Overloaded("busy"))).attempt(capture)

    await place.assert_row_names_what_lies_there(NEW)


async def test_an_image_that_was_deleted_meanwhile_is_not_even_published(place: Place) -> None:
    capture = await place.claim()

    async def delete() -> None:
        await place.catalog.images.mark_deleted(ANA, capture.image, reason="user_request", at=place.clock())

    await place.service(NEW, Stalled(place.catalog.captures, before=delete)).attempt(capture)

    assert not (place.root / "ana").exists()

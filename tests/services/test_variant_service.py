"""Variants over a real volume: made once, kept while there is room, gone with their original."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from app.adapters.blobs.variants import VariantFolder
from app.adapters.blobs.volume import VolumeBlobStore
from app.domain.errors import AppError, InvalidInput, NotFound, Overloaded, RenderingFailed, StorageUnavailable
from app.domain.images import Digest
from app.domain.ports import Space, Variant
from app.domain.variants import Outcome, Rendering, VariantKey
from app.services.failures import RecentFailures
from app.services.variants import Gallery, VariantService
from devkit.clock import FakeClock

KEY = VariantKey(blob="ana/pic.png", sha256="a" * 64, rendering=Rendering(extension="webp", width=320))


@dataclass
class FakeRenderer:
    """Renders nothing: it hands out *content* once it has done what *on_render* does."""

    content: bytes = b"rendered"
    on_render: Callable[[Path], Awaitable[object]] | None = None
    renders: int = 0

    async def render(self, path: Path, rendering: Rendering) -> bytes:
        self.renders += 1
        if self.on_render is not None:
            await self.on_render(path)
        return self.content

    async def aclose(self) -> None:
        """There is nothing to close."""


@dataclass
class World:
    root: Path
    renderer: FakeRenderer = field(default_factory=FakeRenderer)
    counted: Counter[Outcome] = field(default_factory=Counter)
    free: int | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        numbers = count()
        names = lambda: f"n{next(numbers)}"  # noqa: E731 - a name would say no more
        self.cache = VariantFolder(self.root / "variants", budget=10_000, new_name=names, clock=FakeClock())
        self.blobs = VolumeBlobStore(self.root / "images", new_name=names, reserve=1000, forget=self.cache.forget)
        self.variants = VariantService(
            blobs=self.blobs,
            cache=self.cache,
            renderer=self.renderer,
            monotonic=lambda: self.seconds,
            count=lambda outcome: self.counted.update([outcome]),
        )

    async def host(self, key: str = KEY.blob) -> None:
        async with self.blobs.stage() as staging:
            await staging.write(b"original")
            await staging.seal()
            await self.blobs.publish(staging, key)

    @property
    def kept(self) -> list[str]:
        return [path.name for path in (self.root / "variants").glob("[!.]*/*/*")]


@pytest.fixture
async def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    await world.blobs.prepare()
    await world.host()
    return world


async def content(variant: Variant) -> bytes:
    try:
        return b"".join([chunk async for chunk in variant.blob.chunks(0, variant.facts.size)])
    finally:
        await variant.blob.aclose()


async def test_it_is_made_once_and_then_kept(world: World) -> None:
    first, second = [await content(await world.variants.open(KEY)) for _ in range(2)]
    assert first == second == b"rendered"
    assert world.renderer.renders == 1
    assert world.counted == {Outcome.MADE: 1, Outcome.KEPT: 1}


async def test_many_at_once_have_it_made_once(world: World) -> None:
    found = await asyncio.gather(*(world.variants.open(KEY) for _ in range(100)))
    assert {await content(each) for each in found} == {b"rendered"}
    assert world.renderer.renders == 1


async def test_a_part_of_what_lies_in_memory_can_be_read(world: World) -> None:
    found = await world.variants.open(KEY)
    assert (found.blob.size, found.blob.file, found.blob.path) == (8, None, None)
    assert [chunk async for chunk in found.blob.chunks(2, 5)] == [b"nde"]


async def test_without_its_original_there_is_none(world: World) -> None:
    await world.blobs.delete(KEY.blob)
    with pytest.raises(NotFound):
        await world.variants.open(KEY)
    assert world.renderer.renders == 0


async def test_who_waits_for_a_rendering_is_counted_apart(world: World) -> None:
    await asyncio.gather(*(world.variants.open(KEY) for _ in range(100)))
    assert world.counted == {Outcome.MADE: 1, Outcome.JOINED: 99}


def failing(failure: Exception) -> Callable[[Path], Awaitable[object]]:
    async def fail(_: Path) -> None:
        raise failure

    return fail


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(StorageUnavailable("no"), Outcome.FAILED), (Overloaded("full"), Outcome.REFUSED)],
    ids=["unreadable", "overloaded"],
)
async def test_a_failure_of_the_moment_is_not_remembered(world: World, failure: Exception, outcome: Outcome) -> None:
    world.renderer.on_render = failing(failure)
    with pytest.raises(type(failure)):
        await world.variants.open(KEY)
    world.renderer.on_render = None
    assert await content(await world.variants.open(KEY)) == b"rendered"
    assert world.counted == {outcome: 1, Outcome.MADE: 1}


@pytest.mark.parametrize(
    "failure",
    [RenderingFailed("no", details={"reason": "corrupt"}), InvalidInput("too large", field="image")],
    ids=["failed", "too large"],
)
async def test_a_failure_that_would_come_again_costs_nothing_for_five_minutes(world: World, failure: AppError) -> None:
    world.renderer.on_render = failing(failure)
    for _ in range(3):
        with pytest.raises(type(failure)) as caught:
            await world.variants.open(KEY)
        assert (caught.value.detail, caught.value.details) == (failure.detail, failure.details)
    assert world.renderer.renders == 1
    world.renderer.on_render = None
    world.seconds += 300
    assert await content(await world.variants.open(KEY)) == b"rendered"


async def test_a_failure_is_remembered_of_one_rendering_only(world: World) -> None:
    world.renderer.on_render = failing(RenderingFailed("no"))
    with pytest.raises(RenderingFailed):
        await world.variants.open(KEY)
    world.renderer.on_render = None
    other = VariantKey(blob=KEY.blob, sha256=KEY.sha256, rendering=Rendering(extension="jpg"))
    assert await content(await world.variants.open(other)) == b"rendered"


async def test_the_log_says_once_which_image_fails_and_why(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.renderer.on_render = failing(RenderingFailed("no", details={"reason": "corrupt"}))
    for _ in range(2):
        with pytest.raises(RenderingFailed):
            await world.variants.open(KEY)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    told = {name: getattr(record, name) for name in ("user_id", "image_id", "rendering", "reason")}
    assert told == {"user_id": "ana", "image_id": "pic", "rendering": "webp at 320 width", "reason": "corrupt"}


def test_only_so_many_failures_are_remembered() -> None:
    failures = RecentFailures(monotonic=lambda: 0.0)
    for number in range(1_001):
        failures.remember(number, RenderingFailed("no"))
    failures.check(0)
    with pytest.raises(RenderingFailed):
        failures.check(1)


async def test_an_image_deleted_while_it_is_rendered_leaves_nothing(world: World) -> None:
    world.renderer.on_render = lambda _: world.blobs.delete(KEY.blob)
    assert await content(await world.variants.open(KEY)) == b"rendered"
    assert world.kept == []


async def test_a_full_volume_serves_what_it_cannot_keep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def space(_: VolumeBlobStore) -> Space:
        return Space(total=100_000, free=1000)

    monkeypatch.setattr(VolumeBlobStore, "space", space)
    assert await content(await world.variants.open(KEY)) == b"rendered"
    assert await content(await world.variants.open(KEY)) == b"rendered"
    assert (world.renderer.renders, world.kept) == (2, [])


async def test_a_cache_that_cannot_be_used_costs_time_and_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise StorageUnavailable("no")

    for name in ("find", "keep"):
        monkeypatch.setattr(world.cache, name, fail)
    assert await content(await world.variants.open(KEY)) == b"rendered"


async def test_a_variant_too_large_for_the_cache_is_served(world: World) -> None:
    world.renderer.content = bytes(20_000)
    assert await content(await world.variants.open(KEY)) == bytes(20_000)
    assert world.kept == []


async def test_a_store_without_files_lends_a_copy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    async def look(path: Path) -> None:
        seen.append((path.parent.name, await asyncio.to_thread(path.read_bytes)))

    monkeypatch.setattr("app.adapters.blobs.volume.FileBlob.path", None)
    world.renderer.on_render = look
    await world.variants.open(KEY)
    assert seen == [(".staging", b"original")]
    assert list((world.root / "images" / ".staging").iterdir()) == []


async def test_tidying_leaves_only_what_has_an_original(world: World) -> None:
    await world.host("bob/pic.png")
    for blob in (KEY.blob, "bob/pic.png"):
        await world.variants.keep(VariantKey(blob=blob, sha256="a" * 64, rendering=KEY.rendering), b"rendered")
    (world.root / "images" / "bob" / "pic.png").unlink()
    await world.variants.tidy()
    assert await world.cache.sources() == [KEY.blob]


async def test_a_copy_for_the_gallery_is_there_at_the_first_look(world: World) -> None:
    gallery = Gallery(variants=world.variants, width=320)
    await gallery.keep(KEY.blob, Digest(size=8, sha256="a" * 64), b"copy")
    assert await content(await world.variants.open(KEY)) == b"copy"
    assert world.renderer.renders == 0


async def test_a_copy_that_cannot_be_kept_fails_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ValueError("a mistake of ours")

    monkeypatch.setattr(world.cache, "keep", fail)
    await Gallery(variants=world.variants, width=320).keep(KEY.blob, Digest(size=8, sha256="a" * 64), b"copy")
    assert world.kept == []

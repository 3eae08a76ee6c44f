"""The ports, kept: what is opened before the service runs and closed after it."""

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from app.adapters.blobs.inventory import VolumeInventory
from app.adapters.blobs.quarantine import VolumeQuarantine
from app.adapters.blobs.temporary import TemporaryFolder
from app.adapters.blobs.variants import VariantFolder
from app.adapters.blobs.volume import VolumeBlobStore
from app.adapters.bus.alone import NobodyElse
from app.adapters.bus.datagrams import DatagramBus
from app.adapters.catalog.captures import SqlCaptures
from app.adapters.catalog.conversations import SqlConversations
from app.adapters.catalog.database import Database
from app.adapters.catalog.generations import SqlGenerations
from app.adapters.catalog.idempotency import SqlRepetitions
from app.adapters.catalog.images import SqlImages
from app.adapters.catalog.marks import SqlSuccessLog
from app.adapters.catalog.migrate import migrate
from app.adapters.catalog.recovery import SqlRecovery
from app.adapters.catalog.retention import SqlRetention
from app.adapters.catalog.snapshot import snapshot
from app.adapters.catalog.upkeep import SqlUpkeep
from app.adapters.chat.ollama import OllamaModels
from app.adapters.download.downloader import HttpDownloader
from app.adapters.download.limits import FetchLimits, Timing
from app.adapters.download.policy import SourcePolicy
from app.adapters.download.probe import HttpProbe
from app.adapters.imaging.outline import Limits
from app.adapters.imaging.pool import InspectorPool, RendererPool
from app.adapters.providers.fal import FalProvider
from app.adapters.providers.fal_keys import FalKeys
from app.adapters.providers.fal_storage import FalStorage
from app.adapters.providers.replicate import ReplicateProvider
from app.config import ConfigError, Settings
from app.domain.backup import ImageRow
from app.domain.bus import Bus
from app.domain.errors import InvalidInput
from app.domain.ids import IdFactory
from app.domain.ports import Clock, Provider
from app.fleet.seat import Seat
from app.services.recovery import refuse_unmounted
from app.wiring import providers

# Whoever answers requests comes first, then who looks into new images, then who makes variants of old ones.
_GIVES_WAY = 5
_GIVES_WAY_TO_ALL = 10
_PROBE_SECONDS = 3.0
_CONVERTED_TIMES = 4
"""As many times as large as an upload may be is the PNG that a phone's HEIC becomes."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class World:
    """What comes from outside and tests replace: time, chance and company."""

    clock: Clock = utc_now
    monotonic: Callable[[], float] = time.monotonic
    entropy: Callable[[int], bytes] = secrets.token_bytes
    jitter: Callable[[], float] = random.random
    seat: Seat | None = None
    """This process's place among several; None when it is the only one."""

    @property
    def ids(self) -> IdFactory:
        return IdFactory(clock=self.clock, entropy=self.entropy)

    @property
    def since(self) -> datetime | None:
        """When the first of several processes began."""
        return datetime.fromtimestamp(self.seat.since, UTC) if self.seat else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    database: Path
    catalog_failed: asyncio.Event
    """Set once the catalog's disk has failed under this process, which must end."""
    blobs: VolumeBlobStore
    bus: Bus
    inventory: VolumeInventory
    quarantine: VolumeQuarantine
    images: SqlImages
    captures: SqlCaptures
    generations: SqlGenerations
    conversations: SqlConversations
    retention: SqlRetention
    recovery: SqlRecovery
    repetitions: SqlRepetitions
    successes: SqlSuccessLog
    temporary: TemporaryFolder
    upkeep: SqlUpkeep
    downloader: HttpDownloader
    inspector: InspectorPool
    renderer: RendererPool
    variants: VariantFolder
    replicate: ReplicateProvider
    fal: FalProvider
    fal_keys: FalKeys
    fal_storage: FalStorage
    probe: HttpProbe
    models: OllamaModels

    async def snapshot(self, target: Path) -> list[ImageRow]:
        """Write the catalog as of one moment to *target*; return its images."""
        return await snapshot(self.database, target)

    def provider(self, name: str) -> Provider:
        """Return the provider called *name*; raise `InvalidInput`."""
        for provider in (self.replicate, self.fal):
            if provider.name == name:
                return provider
        raise InvalidInput("There is no such provider.", field="provider")


@asynccontextmanager
async def opened(settings: Settings, world: World) -> AsyncIterator[Adapters]:
    """Yield the adapters over a prepared volume and an up-to-date catalog; close them after the block."""
    if settings.database_path is None:
        raise ConfigError(["DATABASE_URL: only SQLite is supported so far."])
    async with AsyncExitStack() as stack:
        await migrate(settings.database_path)
        database = Database(settings.database_path)
        stack.push_async_callback(database.aclose)
        inventory = VolumeInventory(settings.image_storage_path, new_name=world.ids.token)
        recovery = SqlRecovery(database)
        # Before the first folder is made: a mount would hide whatever is written where it belongs.
        await refuse_unmounted(recovery, inventory)
        variants = _variants(settings, world)
        blobs = VolumeBlobStore(
            settings.image_storage_path,
            new_name=world.ids.token,
            reserve=settings.volume_reserve,
            forget=variants.forget,
        )
        await blobs.prepare()
        bus = await _bus(world.seat, stack)
        adapters = Adapters(
            database=settings.database_path,
            catalog_failed=database.failed,
            blobs=blobs,
            bus=bus,
            inventory=inventory,
            quarantine=VolumeQuarantine(settings.image_storage_path),
            images=SqlImages(database),
            captures=SqlCaptures(database),
            generations=SqlGenerations(database),
            conversations=SqlConversations(database),
            retention=SqlRetention(database),
            recovery=recovery,
            repetitions=SqlRepetitions(database),
            successes=SqlSuccessLog(database),
            temporary=await _temporary(settings, world),
            upkeep=SqlUpkeep(database),
            downloader=_downloader(settings, world),
            inspector=_inspector(settings),
            renderer=_renderer(settings),
            variants=variants,
            replicate=providers.replicate(settings, world.clock),
            fal=providers.fal(settings, world.clock),
            fal_keys=providers.fal_keys(settings, world.clock),
            fal_storage=providers.fal_storage(settings, world.clock),
            probe=_probe(settings, world),
            models=providers.ollama(settings),
        )
        for adapter in (adapters.downloader, adapters.inspector, adapters.renderer):
            stack.push_async_callback(adapter.aclose)
        for abroad in (adapters.replicate, adapters.fal, adapters.fal_keys, adapters.fal_storage):
            stack.push_async_callback(abroad.aclose)
        for asked in (adapters.probe, adapters.models):
            stack.push_async_callback(asked.aclose)
        yield adapters


async def _bus(seat: Seat | None, stack: AsyncExitStack) -> Bus:
    if seat is None:
        return NobodyElse()
    bus = DatagramBus(seat.messages, own=str(seat.number), names=[str(number + 1) for number in range(seat.of)])
    stack.push_async_callback(bus.aclose)
    bus.open()
    return bus


def _downloader(settings: Settings, world: World) -> HttpDownloader:
    return HttpDownloader(
        policy=SourcePolicy(allowed_hosts=settings.source_host_allowlist, allow_private=settings.allow_private_sources),
        limits=FetchLimits(
            max_bytes=settings.source_max_bytes,
            max_fetches=settings.capture_concurrency,
            connect_timeout=settings.source_connect_timeout.total_seconds(),
            read_timeout=settings.source_read_timeout.total_seconds(),
            total_timeout=settings.source_total_timeout.total_seconds(),
            min_rate=settings.source_min_rate,
        ),
        timing=Timing(clock=world.clock, monotonic=world.monotonic, jitter=world.jitter),
    )


def _probe(settings: Settings, world: World) -> HttpProbe:
    bases = (settings.public_base_url, settings.s3_public_base_url)
    own = tuple(urlsplit(base).netloc for base in bases if base)
    return HttpProbe(
        policy=SourcePolicy(
            allowed_hosts=(*settings.source_host_allowlist, *settings.asset_host_allowlist, *own),
            allow_private=settings.allow_private_sources,
        ),
        limits=FetchLimits(
            max_bytes=settings.asset_max_bytes,
            connect_timeout=_PROBE_SECONDS,
            read_timeout=_PROBE_SECONDS,
            total_timeout=2 * _PROBE_SECONDS,
        ),
        timing=Timing(clock=world.clock, monotonic=world.monotonic, jitter=world.jitter),
    )


def _inspector(settings: Settings) -> InspectorPool:
    return InspectorPool(
        limits=Limits(
            max_pixels=settings.image_max_pixels,
            max_frames=settings.image_max_frames,
            max_converted=_CONVERTED_TIMES * settings.asset_max_bytes,
        ),
        workers=settings.decode_workers,
        queue_limit=settings.decode_queue_limit,
        timeout=settings.decode_timeout.total_seconds(),
        memory_limit=settings.decode_memory,
        niceness=_GIVES_WAY,
    )


def _renderer(settings: Settings) -> RendererPool:
    return RendererPool(
        limits=Limits(max_pixels=settings.image_max_pixels, max_frames=settings.image_max_frames),
        workers=settings.variant_workers,
        queue_limit=settings.variant_queue_limit,
        timeout=settings.decode_timeout.total_seconds(),
        memory_limit=settings.decode_memory,
        niceness=_GIVES_WAY_TO_ALL,
    )


def _variants(settings: Settings, world: World) -> VariantFolder:
    return VariantFolder(
        settings.data_dir / "variants", budget=settings.variant_cache, new_name=world.ids.token, clock=world.clock
    )


async def _temporary(settings: Settings, world: World) -> TemporaryFolder:
    folder = TemporaryFolder(settings.data_dir / "temporary", budget=settings.temporary_max, new_name=world.ids.token)
    await folder.prepare()
    return folder

"""The services that keep images, and what each of them needs: made once, when first asked for."""

import asyncio
import logging
from collections.abc import Collection
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path

from app import __version__
from app.adapters.backup.folder import FolderBackup
from app.adapters.limits.memory import MemoryRateLimiter
from app.adapters.metrics.prometheus import PrometheusMetrics
from app.adapters.tokens.jwt import JwtTokens
from app.adapters.tokens.keyfile import load_or_make_key
from app.config import Settings
from app.domain.backup import BackupTarget
from app.domain.captures import Capture
from app.domain.ids import ImageId, UserId
from app.domain.images import Image, ImageSource
from app.domain.retention import Policy
from app.services.access_times import AccessTimes
from app.services.admission import Admission
from app.services.backup import BackupService
from app.services.capture import CaptureService
from app.services.capture_runner import CaptureRunner
from app.services.conversation_check import ConversationCheck
from app.services.health import HealthService
from app.services.hosting import HostingService
from app.services.importing import ImportService
from app.services.recovery import RecoveryService
from app.services.retention import RetentionService
from app.services.saving import ImageSaver
from app.services.signals import Signals
from app.services.signing import LinkSigner
from app.services.sources import Sources
from app.services.upkeep import UpkeepService
from app.services.usage import UsageService
from app.services.variants import Gallery, VariantService
from app.wiring.adapters import Adapters, World
from app.wiring.topics import CHANGED, COUNTED, DUE, READS

log = logging.getLogger(__name__)

_LEAST_CLOCK_GAP = timedelta(days=2)


class KeepingGraph:
    """One property a service; reading one builds what it stands on."""

    def __init__(self, settings: Settings, world: World, adapters: Adapters) -> None:
        self.settings = settings
        self.world = world
        self.adapters = adapters

    @cached_property
    def signals(self) -> Signals:
        return Signals(monotonic=self.world.monotonic, tell=partial(self.adapters.bus.tell, CHANGED))

    @cached_property
    def limiter(self) -> MemoryRateLimiter:
        rates = {"reads": self.settings.rate_limit_reads or "", "writes": self.settings.rate_limit_writes or ""}
        tell = partial(self.adapters.bus.tell, COUNTED) if self.world.seat else None
        return MemoryRateLimiter(rates=rates, clock=self.world.clock, tell=tell)

    @cached_property
    def metrics(self) -> PrometheusMetrics:
        return PrometheusMetrics(version=__version__, shared=self.world.seat.counters if self.world.seat else None)

    @cached_property
    def policy(self) -> Policy:
        settings = self.settings
        return Policy(
            max_age=settings.image_max_age,
            per_user_limit=settings.image_per_user_limit,
            min_age=settings.image_min_age,
            store_limit=settings.image_storage_max,
            high_water=settings.volume_high_water,
            low_water=settings.volume_low_water,
            max_removals=settings.cleanup_max_per_run,
            max_age_by_source={ImageSource.CHAT: settings.image_retention},
        )

    @cached_property
    def retention(self) -> RetentionService:
        return RetentionService(
            catalog=self.adapters.retention,
            images=self.adapters.images,
            blobs=self.adapters.blobs,
            policy=self.policy,
            clock=self.world.clock,
            monotonic=self.world.monotonic,
            new_token=self.world.ids.token,
            max_gap=self._clock_gap,
            record_reads=self._record_reads,
        )

    @property
    def _clock_gap(self) -> timedelta:
        # Two sweeps are an interval apart by rights; that alone must not look like a clock that jumped.
        return max(_LEAST_CLOCK_GAP, 2 * self.settings.cleanup_interval)

    @cached_property
    def upkeep(self) -> UpkeepService:
        return UpkeepService(
            catalog=self.adapters.upkeep,
            images=self.adapters.images,
            quarantine=self.adapters.quarantine,
            last_sweep=self.adapters.retention.last_sweep,
            max_gap=self._clock_gap,
            clock=self.world.clock,
        )

    @cached_property
    def runner(self) -> CaptureRunner:
        adapters = self.adapters
        return CaptureRunner(
            queue=adapters.captures,
            captures=CaptureService(
                queue=adapters.captures,
                images=adapters.images,
                saver=ImageSaver(
                    queue=adapters.captures,
                    blobs=adapters.blobs,
                    downloader=adapters.downloader,
                    inspector=adapters.inspector,
                    gallery=self.gallery,
                ),
                clock=self.world.clock,
                jitter=self.world.jitter,
                on_settled=self._on_settled,
                metrics=self.metrics,
            ),
            clock=self.world.clock,
            owner=self.process_name,
            concurrency=self.settings.capture_concurrency,
            on_busy=partial(adapters.bus.tell, DUE),
        )

    @cached_property
    def access_times(self) -> AccessTimes:
        return AccessTimes(images=self.adapters.images, clock=self.world.clock)

    @cached_property
    def hosting(self) -> HostingService:
        return HostingService(
            images=self.adapters.images,
            blobs=self.adapters.blobs,
            access_times=self.access_times,
            signals=self.signals,
            clock=self.world.clock,
            read_wait=self.settings.capture_read_wait,
            variants=self.variants,
        )

    @cached_property
    def variants(self) -> VariantService:
        adapters = self.adapters
        return VariantService(
            blobs=adapters.blobs,
            cache=adapters.variants,
            renderer=adapters.renderer,
            monotonic=self.world.monotonic,
            count=self.metrics.variant_served,
        )

    @cached_property
    def gallery(self) -> Gallery | None:
        width = self.settings.image_gallery_width
        return Gallery(variants=self.variants, width=width) if width else None

    @cached_property
    def sources(self) -> Sources:
        return Sources(
            downloader=self.adapters.downloader,
            ids=self.world.ids,
            clock=self.world.clock,
            deadline=self.settings.capture_deadline,
        )

    @cached_property
    def admission(self) -> Admission:
        limit = self.settings.capture_queue_limit
        return Admission(queue=self.adapters.captures, blobs=self.adapters.blobs, limit=limit)

    @cached_property
    def imports(self) -> ImportService:
        return ImportService(
            images=self.adapters.images,
            sources=self.sources,
            signals=self.signals,
            kick=self.runner.kick,
            admission=self.admission,
            is_hosting=self.settings.image_hosting_enabled,
        )

    @cached_property
    def recovery(self) -> RecoveryService:
        adapters = self.adapters
        return RecoveryService(
            catalog=adapters.recovery,
            images=adapters.images,
            queue=adapters.captures,
            blobs=adapters.blobs,
            inventory=adapters.inventory,
            inspector=adapters.inspector,
            clock=self.world.clock,
            owner=self.world.ids.token(),
        )

    @cached_property
    def conversation_check(self) -> ConversationCheck:
        delete = partial(self.hosting.delete, reason="unused")
        return ConversationCheck(conversations=self.adapters.conversations, delete=delete, clock=self.world.clock)

    @cached_property
    def backup(self) -> BackupService:
        adapters = self.adapters
        return BackupService(inventory=adapters.inventory, images=adapters.images, snapshot=adapters.snapshot)

    def backup_to(self, folder: Path) -> BackupTarget:
        database = self.adapters.database
        folders = (self.settings.data_dir, self.settings.image_storage_path, database.parent, database.resolve().parent)
        return FolderBackup(folder, live=(*folders, database))

    @cached_property
    def usage(self) -> UsageService:
        return UsageService(images=self.adapters.images, retention=self.retention)

    @cached_property
    def health(self) -> HealthService:
        return HealthService(
            blobs=self.adapters.blobs,
            queue=self.adapters.captures,
            successes=self.adapters.successes,
            clock=self.world.clock,
            monotonic=self.world.monotonic,
        )

    @cached_property
    def signing_keys(self) -> tuple[bytes, ...]:
        given = tuple(key.encode() for key in self.settings.signing_keys)
        return given or (load_or_make_key(self.settings.data_dir / "signing-key", self.world.entropy),)

    @cached_property
    def tokens(self) -> JwtTokens:
        return JwtTokens(keys=self.signing_keys, clock=self.world.clock)

    @cached_property
    def links(self) -> LinkSigner:
        return LinkSigner(keys=self.signing_keys, clock=self.world.clock)

    @cached_property
    def process_name(self) -> str:
        """Under which this process holds captures and says answers; free to be taken over once it has died."""
        return self.world.seat.owner if self.world.seat else self.world.ids.token()

    @property
    def is_keeper(self) -> bool:
        """Whether this process does what is to be done once."""
        return self.world.seat is None or self.world.seat.is_keeper

    async def _record_reads(self) -> None:
        await asyncio.gather(self.access_times.flush(), self.adapters.bus.ask(READS))

    async def _on_settled(self, capture: Capture, stored: Image | None) -> None:
        self.signals.announce((capture.user, capture.image))
        if stored is not None:
            await self.enforce_limit(capture.user)

    async def enforce_limit(self, user: UserId, sparing: Collection[ImageId] = ()) -> None:
        """Remove what *user* has beyond the limit, now that something was stored; never fails."""
        try:
            await self.retention.enforce_limit(user, sparing=sparing)
        except Exception:
            # The image is stored and said to be; the limit is the next sweep's business too.
            log.exception("a user's limit could not be enforced", extra={"user_id": str(user)})

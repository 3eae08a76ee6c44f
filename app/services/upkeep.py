"""Keeps what is of no more use from growing for ever, a little at a time."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import timedelta

from app.domain.catalog import ImageCatalog
from app.domain.clock_guard import Sighting
from app.domain.ports import Clock
from app.domain.recovery import parse_key
from app.domain.upkeep import (
    CAPTURE_LIFE,
    ERASURE_LIFE,
    GENERATION_LIFE,
    KEY_LIFE,
    Quarantine,
    SetAside,
    UpkeepCatalog,
    is_clock_trusted,
    is_disposable,
)

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class UpkeepReport:
    """What went, and what lies in quarantine for a person to judge; sizes in bytes."""

    keys: int = 0
    generations: int = 0
    captures: int = 0
    erasures: int = 0
    purged_files: int = 0
    purged_bytes: int = 0
    kept_files: int = 0
    kept_bytes: int = 0


class UpkeepService:
    """*last_sweep* tells what the last sweep thought of the clock, *max_gap* how long that counts."""

    def __init__(
        self,
        *,
        catalog: UpkeepCatalog,
        images: ImageCatalog,
        quarantine: Quarantine,
        last_sweep: Callable[[], Awaitable[Sighting | None]],
        max_gap: timedelta,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._images = images
        self._quarantine = quarantine
        self._last_sweep = last_sweep
        self._max_gap = max_gap
        self._clock = clock

    async def run(self) -> UpkeepReport | None:
        """Remove what is of no more use; None, and nothing is touched, when the clock is not to be trusted."""
        now = self._clock()
        if not is_clock_trusted(await self._last_sweep(), now=now, max_gap=self._max_gap):
            log.warning("no upkeep: no sweep has lately found the clock to be right")
            return None
        report = UpkeepReport(
            keys=await self._catalog.forget_keys(before=now - KEY_LIFE),
            generations=await self._catalog.forget_generations(before=now - GENERATION_LIFE),
            captures=await self._catalog.forget_captures(before=now - CAPTURE_LIFE),
            erasures=await self._catalog.forget_erasures(before=now - ERASURE_LIFE),
        )
        async for entry in self._quarantine.entries():
            await self._judge(entry, report)
        if report.kept_files:
            log.warning("files lie in quarantine", extra={"files": report.kept_files, "bytes": report.kept_bytes})
        log.info("upkeep", extra=asdict(report))
        return report

    async def _judge(self, entry: SetAside, report: UpkeepReport) -> None:
        named = parse_key(entry.key)
        image = await self._images.find(named.user, named.id) if named else None
        if is_disposable(entry, image, now=self._clock()):
            await self._quarantine.remove(entry)
            report.purged_files += 1
            report.purged_bytes += entry.size
        else:
            report.kept_files += 1
            report.kept_bytes += entry.size

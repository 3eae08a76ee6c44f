"""Removes what the policy no longer keeps, slowly, one sweep per deployment at a time.

What goes is decided by a plan beforehand (`app.domain.retention_plan`); here it is only carried out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.domain import retention_plan
from app.domain.catalog import ImageCatalog
from app.domain.clock_guard import DEFAULT_GAP, ClockVerdict, Elapsed, Sighting, judge_clock
from app.domain.ids import ImageId, UserId
from app.domain.images import Image
from app.domain.ports import BlobStore, Clock, Monotonic
from app.domain.retention import Plan, Policy, Reason, Removal, RetentionCatalog, StoredImage, Total, Upcoming

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Is told how many are done, of how many."""

LOCK = "retention"
LEASE = timedelta(minutes=10)
UNLINKS_PER_RUN = 1000
FAILURES_IN_A_ROW = 20


class Skipped(StrEnum):
    """Why a sweep removed nothing."""

    CLOCK_SUSPECT = "clock_suspect"
    ALREADY_RUNNING = "already_running"


@dataclass(slots=True, kw_only=True)
class SweepReport:
    """What a sweep did.  *removed* counts images whose row and bytes are both gone."""

    removed: dict[Reason, Total] = field(default_factory=lambda: dict.fromkeys(Reason, Total()))
    failed: int = 0
    """Removals that failed; one that has come as far as its row is finished by `finish_unlinks`."""
    spared: int = 0
    """Planned, but deleted by somebody else or read in the meantime."""
    unlinked: int = 0
    """Files of earlier deletions that were still owed."""
    protected: Total = field(default_factory=Total)
    shortfall: int = 0
    capped: bool = False
    skipped: Skipped | None = None
    detail: str | None = None
    """Why it was skipped, or stopped before its end."""
    seconds: float = 0.0


class RetentionService:
    def __init__(  # noqa: PLR0913 - a service lists what it needs
        self,
        *,
        catalog: RetentionCatalog,
        images: ImageCatalog,
        blobs: BlobStore,
        policy: Policy,
        clock: Clock,
        monotonic: Monotonic,
        new_token: Callable[[], str],
        pace: timedelta = timedelta(milliseconds=20),
        max_gap: timedelta = DEFAULT_GAP,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        record_reads: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """*pace* is the pause after each removal; *max_gap* must be longer than the time between two sweeps.

        *record_reads* writes the reads that are only noted so far: what was just read is not the least recently used.
        """
        self.policy = policy
        self._catalog = catalog
        self._images = images
        self._blobs = blobs
        self._clock = clock
        self._monotonic = monotonic
        self._new_token = new_token
        self._pace = pace
        self._max_gap = max_gap
        self._sleep = sleep
        self._record_reads = record_reads
        self._judged_at: tuple[datetime, float] | None = None

    async def plan(self) -> Plan:
        """Return what a sweep would remove now, and whether the clock would stop it; changes nothing."""
        now = self._clock()
        verdict = await self._judge(now)
        return replace(await self._plan(now), suspicion=verdict.reason)

    async def upcoming(self, user: UserId, *, limit: int = 10) -> list[Upcoming]:
        """Return what goes next of *user*'s images."""
        images = [image async for image in self._catalog.stored(user)]
        return await asyncio.to_thread(retention_plan.upcoming, images, self.policy, self._clock(), limit=limit)

    async def sweep(self, *, confirm_clock: bool = False, progress: Progress | None = None) -> SweepReport:
        """Finish owed unlinks, then carry out the plan, unless the clock is suspect or another sweep runs.

        A suspect clock is remembered: if it runs on steadily, the next sweep goes ahead.  *confirm_clock* is an
        operator's word that it is right.  *progress* is told how many removals are done, of how many.
        """
        started = self._monotonic()
        report = SweepReport()
        lease = _Lease(self._catalog, owner=self._new_token(), clock=self._clock, monotonic=self._monotonic)
        if not await lease.take():
            report.skipped, report.detail = Skipped.ALREADY_RUNNING, "another sweep is running"
            return report
        try:
            plan = await self._prepare(report, confirm_clock=confirm_clock)
            if plan is not None:
                await self._carry_out(plan, report, lease, progress)
        finally:
            await lease.release()
        report.seconds = self._monotonic() - started
        _tell(report)
        return report

    async def enforce_limit(self, user: UserId, *, sparing: Collection[ImageId] = ()) -> SweepReport:
        """Remove what *user* has beyond the per-user limit, but *sparing* some; to be called after an ingest.

        The order of use does not depend on the clock, but what is too young to go does: so a suspect clock leaves
        the limit to the next sweep.  Several of these, and a sweep, may run at once: they choose the same images.
        """
        report = SweepReport()
        limit = self.policy.per_user_limit
        if limit is None or (await self._images.usage(user)).images <= limit:
            return report
        now = self._clock()
        oldest = await self._catalog.oldest(user)
        if oldest is not None and now - oldest < self.policy.min_age:
            # All of them stay.  Whoever imports hundreds at once would have each of them judged with each.
            return report
        if reason := (await self._judge(now)).reason:
            report.skipped, report.detail = Skipped.CLOCK_SUSPECT, reason
            return report
        images = await self._stored(user)
        plan = await asyncio.to_thread(retention_plan.plan, images, self.policy, now=now, owner=user)
        removals = [removal for removal in plan.removals if removal.image.id not in sparing]
        await self._carry_out(replace(plan, removals=removals), report)
        return report

    async def finish_unlinks(self) -> int:
        """Remove the files that deletions, cut short by a crash or an error, still owe; return how many."""
        finished = 0
        for image in await self._images.owed_unlinks(UNLINKS_PER_RUN):
            try:
                await self._unlink(image)
            except Exception:
                log.exception("an unlink is still owed", extra=_named(image))
            else:
                finished += 1
        return finished

    async def _prepare(self, report: SweepReport, *, confirm_clock: bool) -> Plan | None:
        """Do what comes before the plan, and return the plan unless the clock is suspect."""
        report.unlinked = await self.finish_unlinks()
        now = self._clock()
        verdict = ClockVerdict(Sighting(now, is_suspect=False), None)
        if not confirm_clock:
            verdict = await self._judge(now)
        await self._catalog.record_sweep(verdict.seen)
        self._judged_at = (now, self._monotonic())
        if verdict.reason:
            report.skipped, report.detail = Skipped.CLOCK_SUSPECT, verdict.reason
            return None
        return await self._plan(now)

    async def _judge(self, now: datetime) -> ClockVerdict:
        last_seen = await self._catalog.last_sweep()
        elapsed = None
        if self._judged_at is not None:
            wall, monotonic = self._judged_at
            elapsed = Elapsed(now - wall, timedelta(seconds=self._monotonic() - monotonic))
        return judge_clock(
            now,
            last_seen=last_seen,
            newest=await self._catalog.newest() if last_seen is None else None,
            elapsed=elapsed,
            max_gap=self._max_gap,
        )

    async def _plan(self, now: datetime) -> Plan:
        space = await self._blobs.space()
        images = await self._stored(None)
        return await asyncio.to_thread(retention_plan.plan, images, self.policy, now=now, space=space)

    async def _stored(self, user: UserId | None) -> list[StoredImage]:
        if self._record_reads is not None:
            await self._record_reads()
        return [image async for image in self._catalog.stored(user)]

    async def _carry_out(
        self, plan: Plan, report: SweepReport, lease: "_Lease | None" = None, progress: Progress | None = None
    ) -> None:
        report.protected, report.shortfall, report.capped = plan.protected, plan.shortfall, plan.capped
        in_a_row = 0
        for number, removal in enumerate(plan.removals, start=1):
            if lease is not None and not await lease.hold():
                report.detail = "another sweep took over"
                return
            in_a_row = 0 if await self._try_remove(removal, report) else in_a_row + 1
            if in_a_row == FAILURES_IN_A_ROW:
                report.detail = f"stopped after {in_a_row} failures in a row"
                return
            if progress is not None:
                progress(number, len(plan.removals))
            await self._sleep(self._pace.total_seconds())

    async def _try_remove(self, removal: Removal, report: SweepReport) -> bool:
        try:
            removed = await self._remove(removal)
        except Exception:
            log.exception("could not remove an image", extra=_named(removal.image))
            report.failed += 1
            return False
        if removed:
            report.removed[removal.reason] = report.removed[removal.reason].plus(removal.image)
        else:
            report.spared += 1
        return True

    async def _remove(self, removal: Removal) -> bool:
        image = removal.image
        if removal.reason is not Reason.EXPIRED and await self._was_read_since(image):
            return False
        # Row, commit, unlink: a crash in between leaves a file that is owed an unlink, never a row without bytes.
        before = await self._images.mark_deleted(image.user, image.id, reason=removal.reason.value, at=self._clock())
        if before is None:
            return False
        await self._unlink(before)
        return True

    async def _was_read_since(self, image: StoredImage) -> bool:
        found = await self._images.find(image.user, image.id)
        return found is not None and found.accessed_at is not None and found.accessed_at > image.last_used_at

    async def _unlink(self, image: Image) -> None:
        if image.facts is not None:
            await self._blobs.delete(image.key)
        await self._images.mark_unlinked(image.user, image.id)


class _Lease:
    """Keeps other sweeps away, and is renewed long before it ends."""

    def __init__(self, catalog: RetentionCatalog, *, owner: str, clock: Clock, monotonic: Monotonic) -> None:
        self._catalog = catalog
        self._owner = owner
        self._clock = clock
        self._monotonic = monotonic
        self._taken_at = 0.0

    async def take(self) -> bool:
        now = self._clock()
        self._taken_at = self._monotonic()
        return await self._catalog.try_lock(LOCK, owner=self._owner, until=now + LEASE, now=now)

    async def hold(self) -> bool:
        if self._monotonic() - self._taken_at < LEASE.total_seconds() / 3:
            return True
        return await self.take()

    async def release(self) -> None:
        await self._catalog.unlock(LOCK, owner=self._owner)


def _named(image: Image | StoredImage) -> dict[str, str]:
    return {"user_id": str(image.user), "image_id": str(image.id)}


def _tell(report: SweepReport) -> None:
    if report.skipped is Skipped.CLOCK_SUSPECT:
        log.warning("nothing was removed: %s; the next sweep goes ahead if the clock runs on steadily", report.detail)
        return
    if report.shortfall:
        log.warning("the store stays above its mark", extra={"bytes": report.shortfall})
    log.info(
        "retention sweep",
        extra={
            "removed": {reason.value: total.images for reason, total in report.removed.items()},
            "bytes": sum(total.size for total in report.removed.values()),
            "failed": report.failed,
            "detail": report.detail,
            "seconds": report.seconds,
        },
    )

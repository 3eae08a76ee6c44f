"""The recurring work that is done once for a whole deployment, with its successes told to whoever watches."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from app.domain.metrics import Metrics, SuccessLog, Task
from app.domain.ports import Clock
from app.domain.recovery import Finding
from app.services.conversation_check import ConversationCheck
from app.services.recovery import RecoveryReport, RecoveryService
from app.services.retention import RetentionService

DAILY = timedelta(days=1)

_LOSSES = {Finding.MISSING, Finding.WRONG_SIZE, Finding.ROTTEN}
_SAID_AGAIN_AFTER = timedelta(minutes=1)
_LENIENCE = timedelta(hours=1)


class Rounds:
    """*reconcile* returns whether it got through, *upkeep* None when it was put off."""

    def __init__(
        self,
        *,
        retention: RetentionService,
        recovery: RecoveryService,
        conversations: ConversationCheck,
        reconcile: Callable[[], Awaitable[bool]],
        upkeep: Callable[[], Awaitable[object]],
        successes: SuccessLog,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._retention = retention
        self._recovery = recovery
        self._conversations = conversations
        self._reconcile = reconcile
        self._upkeep = upkeep
        self._successes = successes
        self._metrics = metrics
        self._clock = clock
        self._reconciled_at: datetime | None = None

    async def recover(self) -> None:
        """Bring catalog, files and conversations together, and finish deletions; raise as `RecoveryService.recover`."""
        self._count_losses(await self._recovery.recover())
        await self._conversations.run(repair=True)
        await self._retention.finish_unlinks()

    async def sweep(self) -> None:
        """Sweep once; a sweep that was skipped or stopped before its end is no success."""
        report = await self._retention.sweep()
        for reason, total in report.removed.items():
            self._metrics.images_removed(reason.value, total.images)
        if report.detail is None:
            await self._successes.record(Task.SWEEP, at=self._clock())

    async def reconcile(self) -> None:
        """Reconcile once; its success is written down once a minute, for each time costs a sync."""
        succeeded = await self._reconcile()
        now = self._clock()
        is_news = self._reconciled_at is None or now - self._reconciled_at >= _SAID_AGAIN_AFTER
        if succeeded and is_news:
            await self._successes.record(Task.RECONCILE, at=now)
            self._reconciled_at = now

    async def scrub(self) -> None:
        """Scrub if the last time is a day ago, be it by a process before this one."""
        began = self._clock()
        if await self._is_due(Task.SCRUB, began):
            self._count_losses(await self._recovery.scrub())
            await self._conversations.run(repair=True)
            await self._successes.record(Task.SCRUB, at=began)

    async def upkeep(self) -> None:
        """Remove what is of no more use if the last time is a day ago; one that was put off is no success."""
        began = self._clock()
        if await self._is_due(Task.UPKEEP, began) and await self._upkeep() is not None:
            await self._successes.record(Task.UPKEEP, at=began)

    async def _is_due(self, task: Task, now: datetime) -> bool:
        last = (await self._successes.latest()).get(task)
        # One from the future was written by a clock that ran ahead.
        return last is None or not timedelta() <= now - last < DAILY - _LENIENCE

    def _count_losses(self, report: RecoveryReport) -> None:
        self._metrics.files_lost(sum(finding in _LOSSES for finding, _ in report.findings))

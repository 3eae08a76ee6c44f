"""What recurs is counted, and its successes are written down; what came to nothing is no success."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from app.adapters.metrics.prometheus import PrometheusMetrics
from app.domain.metrics import Levels, Task
from app.domain.recovery import Finding
from app.domain.retention import Reason, Total
from app.services.conversation_check import ConversationCheck, ConversationReport
from app.services.recovery import RecoveryReport, RecoveryService
from app.services.retention import RetentionService, Skipped, SweepReport
from app.services.rounds import Rounds
from devkit.clock import FakeClock

NOTHING = Levels(risk=None, seconds_to_deadline=None, free_bytes=None, is_ready=True, successes=None)


@dataclass
class Log:
    entries: list[tuple[Task, datetime]] = field(default_factory=list)

    async def record(self, task: Task, *, at: datetime) -> None:
        self.entries.append((task, at))

    async def latest(self) -> Mapping[Task, datetime]:
        return dict(self.entries)


@dataclass
class Work:
    """The services whose rounds these are: each does nothing, and reports what a test says."""

    swept: SweepReport = field(default_factory=SweepReport)
    found: RecoveryReport = field(default_factory=RecoveryReport)
    reconciled: bool = True
    kept_up: object = "a report"
    scrubs: int = 0
    upkeeps: int = 0
    repairs: int = 0
    log: Log = field(default_factory=Log)
    metrics: PrometheusMetrics = field(default_factory=lambda: PrometheusMetrics(version="0"))

    async def sweep(self) -> SweepReport:
        return self.swept

    async def recover(self) -> RecoveryReport:
        return self.found

    async def finish_unlinks(self) -> int:
        return 0

    async def scrub(self) -> RecoveryReport:
        self.scrubs += 1
        return self.found

    async def run(self, *, repair: bool) -> ConversationReport:
        self.repairs += repair
        return ConversationReport([], repaired=0)

    async def reconcile(self) -> bool:
        return self.reconciled

    async def upkeep(self) -> object:
        self.upkeeps += 1
        return self.kept_up

    def rounds(self, clock: FakeClock) -> Rounds:
        return Rounds(
            retention=cast("RetentionService", self),
            recovery=cast("RecoveryService", self),
            conversations=cast("ConversationCheck", self),
            reconcile=self.reconcile,
            upkeep=self.upkeep,
            successes=self.log,
            metrics=self.metrics,
            clock=clock,
        )

    def counted(self, series: str) -> float:
        text = self.metrics.expose(NOTHING).body.decode()
        return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{series} "))


async def test_a_sweep_is_a_success_and_its_removals_are_counted(clock: FakeClock) -> None:
    work = Work(swept=SweepReport(removed={Reason.EXPIRED: Total(3, 900), Reason.SPACE: Total(0, 0)}))
    await work.rounds(clock).sweep()

    assert work.log.entries == [(Task.SWEEP, clock())]
    assert work.counted('holdfast_sweep_removed_images_total{reason="expired"}') == 3
    assert work.counted('holdfast_sweep_removed_images_total{reason="over_limit"}') == 0


@pytest.mark.parametrize(
    "report",
    [
        SweepReport(skipped=Skipped.CLOCK_SUSPECT, detail="the clock jumped"),
        SweepReport(skipped=Skipped.ALREADY_RUNNING, detail="another sweep is running"),
        SweepReport(detail="stopped after 20 failures in a row"),
    ],
    ids=["clock", "another", "stopped"],
)
async def test_a_sweep_that_was_skipped_or_stopped_is_no_success(clock: FakeClock, report: SweepReport) -> None:
    work = Work(swept=report)
    await work.rounds(clock).sweep()

    assert work.log.entries == []


async def test_a_provider_that_cannot_be_asked_is_no_success(clock: FakeClock) -> None:
    work = Work(reconciled=False)
    await work.rounds(clock).reconcile()

    assert work.log.entries == []


async def test_reconciling_is_written_down_once_a_minute(clock: FakeClock) -> None:
    work = Work()
    rounds = work.rounds(clock)
    for _ in range(9):
        await rounds.reconcile()
        clock.advance(15)

    assert len(work.log.entries) == 3


async def test_a_day_is_scrubbed_once_however_often_we_are_started(clock: FakeClock) -> None:
    work = Work()
    for _ in range(48):
        await work.rounds(clock).scrub()
        clock.advance(3600)

    assert work.scrubs == 3  # an hour early is soon enough


async def test_conversations_are_put_right_at_a_start_and_with_each_scrub(clock: FakeClock) -> None:
    work = Work()
    await work.rounds(clock).recover()
    assert work.repairs == 1

    for _ in range(2):
        await work.rounds(clock).scrub()
    assert work.repairs == 2


async def test_upkeep_is_done_once_a_day(clock: FakeClock) -> None:
    work = Work()
    for _ in range(24):
        await work.rounds(clock).upkeep()
        clock.advance(3600)

    assert work.upkeeps == 2
    assert [task for task, _ in work.log.entries] == [Task.UPKEEP] * 2


async def test_upkeep_that_was_put_off_is_tried_again(clock: FakeClock) -> None:
    work = Work(kept_up=None)
    for _ in range(2):
        await work.rounds(clock).upkeep()

    assert (work.upkeeps, work.log.entries) == (2, [])


async def test_a_scrub_from_the_future_keeps_nobody_from_scrubbing(clock: FakeClock) -> None:
    work = Work(log=Log([(Task.SCRUB, clock() + timedelta(days=400))]))
    await work.rounds(clock).scrub()

    assert work.scrubs == 1


@pytest.mark.parametrize("task", ["recover", "scrub"])
async def test_images_whose_files_are_gone_or_broken_are_counted_as_lost(clock: FakeClock, task: str) -> None:
    findings: list[Any] = [(finding, "ana/one.png") for finding in Finding]
    work = Work(found=RecoveryReport(findings=findings))
    await getattr(work.rounds(clock), task)()

    assert work.counted("holdfast_images_lost_total") == 3

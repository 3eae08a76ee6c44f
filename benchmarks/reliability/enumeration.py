"""Blows at every counted call: the process ends there, a write is torn there, or the call fails there."""

import errno
import itertools
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from benchmarks.reliability.crew import Crew
from benchmarks.reliability.lives import Blow
from benchmarks.reliability.points import Outcome, Point
from benchmarks.reliability.report import Report
from benchmarks.reliability.scenarios import SCENARIOS
from benchmarks.reliability.shim import ALL, CHANGES, Action, Kind

_FAR = 1_000_000
_PER_BATCH = 20
_GROWS = Kind.CREATE | Kind.WRITE | Kind.SYNC | Kind.NAME | Kind.FOLDER | Kind.CUT

_FAULTS = {
    errno.ENOSPC: _GROWS,
    errno.EIO: ALL,
    errno.EMFILE: Kind.OPEN | Kind.CREATE,
    errno.EROFS: CHANGES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is tried.  *sample* points of each series, chosen by *chance*; None means all.

    *failing* is which kinds of calls fail in `faults`.
    """

    chance: random.Random
    sample: int | None = None
    pairs: int = 300
    mistake: str | None = None
    scenarios: tuple[str, ...] = tuple(SCENARIOS)
    failing: Kind = ALL


def crashes(crew: Crew, extent: Extent) -> Report:
    """End the process before each call that changes a file; tear each write; then end the recovery too."""
    series = [
        Point(scenario=name, blow=blow, mistake=extent.mistake)
        for name in extent.scenarios
        for blow in (Blow(action=Action.CRASH), Blow(action=Action.TEAR, kinds=Kind.WRITE))
    ]
    report = _run(crew, "crash at every call", series, extent)
    return _with_pairs(crew, report, extent)


def faults(crew: Crew, extent: Extent) -> Report:
    """Let each call fail, once and from then on, with each error that a disk may answer."""
    series = [
        Point(
            scenario=name, blow=Blow(action=action, kinds=kinds & extent.failing, error=error), mistake=extent.mistake
        )
        for name in extent.scenarios
        for action in (Action.FAIL_ONCE, Action.FAIL_ON)
        for error, kinds in _FAULTS.items()
        if kinds & extent.failing
    ]
    return _run(crew, "every call failing", series, extent)


def _run(crew: Crew, name: str, series: Iterable[Point], extent: Extent) -> Report:
    report = Report(name=name, unit="points")
    started = time.perf_counter()
    for start in series:
        for point, outcome in _points(crew, start, extent):
            report.tried += outcome.struck is not None
            report.findings += [_found(point, outcome, problem) for problem in outcome.problems]
    report.seconds = time.perf_counter() - started
    return report


def _points(crew: Crew, start: Point, extent: Extent) -> Iterator[tuple[Point, Outcome]]:
    """Yield the outcomes of *start* at its first call, its second, and so on until a run is not struck any more."""
    if extent.sample is not None:
        yield from crew.run(_at(start, nth) for nth in _sampled(crew, start, extent))
        return
    for first in itertools.count(1, _PER_BATCH):
        outcomes = list(crew.run(_at(start, nth) for nth in range(first, first + _PER_BATCH)))
        yield from outcomes
        # Threads take turns as they like, so the number of calls is not quite the same each time.
        if all(outcome.struck is None for _, outcome in outcomes[-2:]):
            return


def _sampled(crew: Crew, start: Point, extent: Extent) -> list[int]:
    ((_, outcome),) = crew.run([_at(start, _FAR)])
    calls = range(1, (outcome.calls or 0) + 1)
    return extent.chance.sample(calls, min(extent.sample or 0, len(calls)))


def _at(point: Point, nth: int) -> Point:
    return replace(point, blow=replace(point.blow, nth=nth))


def _with_pairs(crew: Crew, report: Report, extent: Extent) -> Report:
    """Die somewhere, and again somewhere in the recovery from it."""
    started = time.perf_counter()
    chance = extent.chance
    pairs = [
        Point(
            scenario=chance.choice(extent.scenarios),
            blow=Blow(action=Action.CRASH, nth=chance.randint(1, 120)),
            second=Blow(action=Action.CRASH, nth=chance.randint(1, 60)),
            mistake=extent.mistake,
        )
        for _ in range(extent.pairs)
    ]
    for point, outcome in crew.run(pairs):
        report.tried += outcome.struck is not None
        report.findings += [_found(point, outcome, problem) for problem in outcome.problems]
    report.seconds += time.perf_counter() - started
    report.notes.append(f"{len(pairs)} of them die a second time, while recovering")
    return report


def _found(point: Point, outcome: Outcome, problem: str) -> str:
    call, _, path = (outcome.struck or "").partition(" ")
    where = f" ({call} …/{path.partition('/data/')[2]})" if call else ""
    return f"{point.scenario}, {point}{where}: {problem}"

"""Every instrument by name, how much of it is tried, and which mistakes it must see."""

import asyncio
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.reliability import enumeration, kills, powercut, simulator, trace
from benchmarks.reliability.crew import crew, workplace
from benchmarks.reliability.enumeration import Extent
from benchmarks.reliability.missing import Missing
from benchmarks.reliability.report import Report
from benchmarks.reliability.scenarios import SCENARIOS
from benchmarks.reliability.shim import ALL, Kind
from benchmarks.reliability.simulator import Plot


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is tried.  *sample* points of each series, None for all; *servers*: see `crew`."""

    seed: int
    sample: int | None
    pairs: int
    answers: int
    cuts: int
    kills: int
    plot: Plot
    mistake: str | None = None
    scenarios: tuple[str, ...] = tuple(SCENARIOS)
    failing: Kind = ALL
    patience: float = 60.0
    servers: int | None = None


def full(seed: int) -> Scale:
    return Scale(
        seed=seed,
        sample=None,
        pairs=300,
        answers=40,
        cuts=200,
        kills=60,
        plot=Plot(predictions=10_000, hours=10),
    )


def smoke(seed: int) -> Scale:
    return Scale(
        seed=seed,
        sample=1,
        pairs=10,
        answers=3,
        cuts=4,
        kills=3,
        plot=Plot(predictions=100, hours=4.5, deadliness=5),
        servers=os.cpu_count(),
    )


def _crash(scale: Scale) -> Report:
    with crew(servers=scale.servers) as workers:
        return enumeration.crashes(workers, _extent(scale))


def _faults(scale: Scale) -> Report:
    with crew(servers=scale.servers) as workers:
        return enumeration.faults(workers, _extent(scale))


def _extent(scale: Scale) -> Extent:
    return Extent(
        chance=random.Random(scale.seed),
        sample=scale.sample,
        pairs=scale.pairs,
        mistake=scale.mistake,
        scenarios=scale.scenarios,
        failing=scale.failing,
    )


def _trace(scale: Scale) -> Report:
    with _folder() as folder:
        return asyncio.run(trace.check(folder, images=scale.answers, mistake=scale.mistake))


def _power(scale: Scale) -> Report:
    return powercut.cut_power(cuts=scale.cuts, seed=scale.seed, mistake=scale.mistake)


def _kill(scale: Scale) -> Report:
    with _folder() as folder:
        chance = random.Random(scale.seed)
        return asyncio.run(
            kills.kill(folder, kills=scale.kills, chance=chance, mistake=scale.mistake, patience=scale.patience)
        )


def _clock(scale: Scale) -> Report:
    return simulator.simulate(scale.plot, seed=scale.seed, mistake=scale.mistake)


def _doom(scale: Scale) -> Report:
    plot = replace(scale.plot, predictions=scale.plot.predictions // 20, longest=100 * 60)
    return simulator.simulate(plot, seed=scale.seed, mistake=scale.mistake)


INSTRUMENTS: dict[str, Callable[[Scale], Report]] = {
    "crash": _crash,
    "faults": _faults,
    "trace": _trace,
    "power": _power,
    "kill": _kill,
    "clock": _clock,
    "doom": _doom,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """An instrument, a mistake it must see, and how hard it has to look."""

    instrument: str
    mistake: str
    sample: int = 20
    scenarios: tuple[str, ...] = ("ingest",)
    predictions: int = 100
    failing: Kind = ALL

    def __str__(self) -> str:
        return f"{self.instrument} sees {self.mistake}"


PROOFS = (
    Proof(instrument="crash", mistake="row_before_file", sample=60),
    Proof(instrument="crash", mistake="answer_before_commit"),
    Proof(instrument="crash", mistake="unlink_before_row", scenarios=("delete",)),
    Proof(instrument="crash", mistake="overwrites", scenarios=("collision",)),
    Proof(instrument="crash", mistake="staging_left", scenarios=("recovery",), sample=4),
    Proof(instrument="crash", mistake="no_recovery", scenarios=("recovery",), sample=4),
    Proof(instrument="crash", mistake="turn_in_two", scenarios=("chat",)),
    Proof(instrument="crash", mistake="answers_left", scenarios=("chat",), sample=4),
    Proof(instrument="faults", mistake="fsync_error_ignored", scenarios=("collision",), failing=Kind.SYNC),
    Proof(instrument="trace", mistake="no_file_fsync"),
    Proof(instrument="trace", mistake="no_folder_fsync"),
    Proof(instrument="trace", mistake="synchronous_normal"),
    Proof(instrument="trace", mistake="row_before_file"),
    Proof(instrument="trace", mistake="answer_before_commit"),
    Proof(instrument="trace", mistake="unlink_before_row"),
    Proof(instrument="trace", mistake="overwrites"),
    Proof(instrument="power", mistake="no_file_fsync"),
    Proof(instrument="power", mistake="synchronous_normal"),
    Proof(instrument="kill", mistake="no_reconciler"),
    Proof(instrument="clock", mistake="counts_attempts"),
    Proof(instrument="clock", mistake="no_reconciler"),
    # It takes an app that asks again after an answer was lost, and few are.
    Proof(instrument="clock", mistake="forgets_keys", predictions=500),
)


def run(name: str, scale: Scale) -> Report:
    """Run one instrument; where the machine lacks a part of it, the report says so."""
    try:
        return INSTRUMENTS[name](scale)
    except Missing as lack:
        return Report(name=name, unit="", skipped=str(lack))


def prove(proof: Proof, *, seed: int) -> Report:
    """Run an instrument over a service with the mistake in it: the report has to be red."""
    small = smoke(seed)
    scale = replace(
        small,
        plot=replace(small.plot, predictions=proof.predictions),
        mistake=proof.mistake,
        sample=proof.sample,
        scenarios=proof.scenarios,
        failing=proof.failing,
        pairs=0,
        answers=2,
        patience=8.0,
    )
    return run(proof.instrument, scale)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="holdfast-reliability-", dir=workplace()) as folder:
        yield Path(folder)

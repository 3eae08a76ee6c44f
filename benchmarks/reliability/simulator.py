"""Thousands of predictions on a clock that is moved by hand, in a process of their own."""

import asyncio
import json
import logging
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from app.adapters.download.downloader import HttpDownloader
from app.adapters.imaging.pool import InspectorPool
from app.adapters.providers.replicate import ReplicateProvider
from app.config import Settings
from app.wiring import World
from app.wiring.adapters import Adapters, opened
from benchmarks.reliability.crew import ROOT, workplace
from benchmarks.reliability.plants import plant
from benchmarks.reliability.report import Report
from benchmarks.reliability.sim_apps import Apps
from benchmarks.reliability.sim_provider import DURATIONS, SimDownloader, SimProvider
from benchmarks.reliability.sim_verdict import verdict
from benchmarks.reliability.sim_world import Simulation
from benchmarks.reliability.stage import ThreadInspector
from benchmarks.reliability.weather import Outage, Weather, changeable
from devkit.clock import FakeClock

_CALM = 15 * 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What a simulation is about: *predictions* within *hours*, whose jobs take one of *durations*, in seconds.

    *outages* replaces those that come by chance, up to *longest* seconds each.
    """

    predictions: int
    hours: float
    longest: float = 45 * 60
    outages: tuple[Outage, ...] | None = None
    durations: tuple[float, ...] = DURATIONS
    deadliness: float = 1.0

    @property
    def is_survivable(self) -> bool:
        """Whether every outage ends while what it hides still lives."""
        return self.longest <= 45 * 60

    @classmethod
    def parse(cls, told: dict[str, Any]) -> "Plot":
        """Return the plot that `asdict` told of."""
        outages = told.pop("outages")
        return cls(**told, outages=None if outages is None else tuple(Outage(**outage) for outage in outages))


def simulate(plot: Plot, *, seed: int, mistake: str | None = None) -> Report:
    """Run *plot* in a process of its own."""
    told = json.dumps({"plot": asdict(plot), "seed": seed, "mistake": mistake})
    command = (sys.executable, "-m", "benchmarks.reliability.simulator", told)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Report(**json.loads(done.stdout))


async def play(folder: Path, plot: Plot, *, chance: random.Random) -> Report:
    """Let *plot* pass, and judge what has become of each output."""
    logging.getLogger("app").setLevel(logging.CRITICAL)
    report = Report(name=f"expiry clock, outages up to {plot.longest / 60:.0f} min", unit="predictions")
    started = time.perf_counter()
    settings = Settings.from_env(
        {
            "IMAGE_STORAGE_PATH": str(folder / "images"),
            "PUBLIC_BASE_URL": "https://holdfast.example",
            "IMAGE_PER_USER_LIMIT": "0",
        },
        dotenv=None,
    )
    clock = FakeClock()
    async with opened(settings, World(clock=clock, monotonic=time.monotonic)) as adapters:
        simulation = _simulation(adapters, settings, clock, chance, plot)
        simulation.apps.expect(plot.predictions, horizon=plot.hours * 3600)
        simulation.start_process()
        await simulation.run(horizon=plot.hours * 3600)
        await verdict(report, simulation, is_survivable=plot.is_survivable)
    report.tried = plot.predictions
    report.seconds = time.perf_counter() - started
    return report


def _simulation(
    adapters: Adapters, settings: Settings, clock: FakeClock, chance: random.Random, plot: Plot
) -> Simulation:
    outages = plot.outages
    if outages is None:
        outages = tuple(changeable(chance=chance, horizon=plot.hours * 3600, longest=plot.longest, calm=_CALM))
    weather = Weather(outages, seconds=clock.monotonic, chance=chance, deadliness=plot.deadliness)
    provider = SimProvider(clock=clock, weather=weather, chance=chance, durations=plot.durations)
    downloader = SimDownloader(admit=adapters.downloader.admit, provider=provider, weather=weather)
    replaced = replace(
        adapters,
        downloader=cast(HttpDownloader, downloader),
        inspector=cast(InspectorPool, ThreadInspector()),
        replicate=cast(ReplicateProvider, provider),
    )
    apps = Apps(provider=provider, chance=chance)
    return Simulation(
        adapters=replaced,
        settings=settings,
        clock=clock,
        chance=chance,
        weather=weather,
        provider=provider,
        downloader=downloader,
        apps=apps,
    )


def main(told: str) -> None:
    given = json.loads(told)
    plant(given["mistake"])
    with tempfile.TemporaryDirectory(prefix="holdfast-simulated-", dir=workplace()) as folder:
        report = asyncio.run(play(Path(folder), Plot.parse(given["plot"]), chance=random.Random(given["seed"])))
    sys.stdout.write(json.dumps(asdict(report)))


if __name__ == "__main__":
    main(sys.argv[1])

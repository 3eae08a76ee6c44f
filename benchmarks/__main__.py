"""`make bench`: everything side by side in one run, printed as Markdown; fails when an aim is missed."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import aims, album, ingest, load, machine, report, serving, thumbnails, uploads, wrk
from benchmarks.aims import Aim
from benchmarks.album import Album
from benchmarks.machine import Cores
from benchmarks.peers.versions import versions
from benchmarks.serving import Extent
from benchmarks.workloads import WORKLOADS, Workload

_NAMES = (*(workload.name for workload in WORKLOADS), "thumbnails", "ingest", "uploads", "load")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run, and how long.  *large* is how many pictures of 2 MB there are."""

    names: Sequence[str]
    large: int
    extent: Extent
    thumbnails: int
    rounds: int

    @property
    def workloads(self) -> list[Workload]:
        return [workload for workload in WORKLOADS if workload.name in self.names]


def _plan(options: argparse.Namespace) -> Plan:
    names = options.only or _NAMES
    if options.quick:
        return Plan(names, large=48, extent=Extent(rounds=1, seconds=1), thumbnails=16, rounds=1)
    return Plan(names, large=300, extent=Extent(rounds=5, seconds=2), thumbnails=40, rounds=3)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=_NAMES, metavar="NAME", help=f"one of {', '.join(_NAMES)}")
    parser.add_argument("--quick", action="store_true", help="a short look: one round, few pictures")
    parser.add_argument("--write", action="store_true", help="put the results into benchmarks/README.md")
    return parser.parse_args()


async def main() -> bool:
    """Run what is asked for, print it, and say whether every aim was reached."""
    options = _options()
    cores, about = machine.cores(), _about(sys.argv[1:])
    os.sched_setaffinity(0, cores.client)
    parts, found = [about], list[Aim]()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        async for part, judged in _parts(_plan(options), Path(folder), cores):
            print(f"\n{part}", flush=True)
            parts.append(part)
            found += judged
    print(f"\n{report.aims(found)}\n\n{about}")
    if options.write:
        report.write("\n\n".join([parts[0], report.aims(found), *parts[1:]]))
    return all(aim.is_met is not False for aim in found)


async def _parts(plan: Plan, folder: Path, cores: Cores) -> AsyncIterator[tuple[str, list[Aim]]]:
    """Yield each part of the report with its aims."""
    pictures = await _album(folder, plan.large)
    if plan.workloads and wrk.version() is None:
        yield "wrk is not installed: `python -m benchmarks.peers`", aims.of_serving(serving.nothing(plan.workloads))
    elif plan.workloads:
        standings = await serving.compare(pictures, plan.workloads, cores=cores, extent=plan.extent)
        yield report.serving(standings), aims.of_serving(standings)
    if "thumbnails" in plan.names:
        made = await thumbnails.compare(pictures, cores=cores, rounds=plan.rounds, count=plan.thumbnails)
        yield report.thumbnails(made), aims.of_thumbnails(made)
    if "ingest" in plan.names:
        measured = await ingest.measure(pictures, cores=cores, rounds=plan.rounds)
        yield report.ingest(measured), aims.of_ingest(measured)
    if "uploads" in plan.names:
        taken = await uploads.measure(folder / "uploads", cores=cores)
        yield report.uploads(taken), aims.of_uploads(taken)
    if "load" in plan.names:
        os.sched_setaffinity(0, cores.client | cores.rest)
        (folder / "load").mkdir()
        before, began = machine.cpu_seconds_of_others(), time.monotonic()
        rows = await load.measure(folder / "load")
        others = (machine.cpu_seconds_of_others() - before) / (time.monotonic() - began)
        yield report.load(rows), aims.of_load(rows, others=others)


async def _album(folder: Path, large: int) -> Album:
    print(f"painting and storing {large} pictures of 2 MB", file=sys.stderr)
    volume = folder / "volume"
    volume.mkdir()
    return await album.store(volume, large=large)


def _about(arguments: Sequence[str]) -> str:
    command = " ".join(["python -m benchmarks", *arguments])
    lines = (
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}",
        machine.describe(),
        f"{versions()}, wrk {wrk.version() or 'missing'}",
    )
    return ".  \n".join(lines) + "."


if __name__ == "__main__":
    sys.exit(not asyncio.run(main()))

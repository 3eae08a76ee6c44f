"""What became of every output of a simulated world, read from the catalog's file and the volume."""

import hashlib
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.reliability.report import Report
from benchmarks.reliability.sim_provider import SimJob, content_of
from benchmarks.reliability.sim_world import Simulation

_IMAGES = """
    SELECT job_id, output_index, user_id || '/' || id || '.' || coalesce(extension, ''),
           status, sha256, hosted_at, reason
    FROM images
"""
_GENERATIONS = "SELECT id, job_id, status FROM generations"

Row = tuple[str, int, str, str, str, int, str]


async def verdict(report: Report, simulation: Simulation, *, is_survivable: bool) -> None:
    """Add what is wrong to *report*.  Where outages outlast a source, an output may be lost, but never silently."""
    folder = simulation.settings.data_dir
    with closing(sqlite3.connect(folder / "holdfast.db")) as connection:
        rows: list[Row] = connection.execute(_IMAGES).fetchall()
        generations = connection.execute(_GENERATIONS).fetchall()
    report.findings += _open(generations, rows)
    report.findings += _outputs(simulation, rows, is_survivable=is_survivable)
    report.findings += _paid_twice(simulation)
    report.findings += [problem for row in rows for problem in _wrong_bytes(folder, row)]
    report.notes += _figures(simulation, rows)


def _open(generations: list[tuple[str, str, str]], rows: list[Row]) -> list[str]:
    problems = [
        f"a generation is still {status}" for _, _, status in generations if status in {"starting", "processing"}
    ]
    return problems + [f"an image is still {row[3]}" for row in rows if row[3] == "capturing"]


def _outputs(simulation: Simulation, rows: list[Row], *, is_survivable: bool) -> list[str]:
    counted = Counter((row[0], row[1]) for row in rows)
    became = {(row[0], row[1]): (row[3], row[6]) for row in rows}
    accepted = {"stored"} if is_survivable else {"stored", "lost", "rejected"}
    problems = []
    for job in _ours(simulation):
        for index in range(job.outputs):
            count = counted[job.id, index]
            status, reason = became.get((job.id, index), ("nothing", None))
            if count > 1:
                problems.append(f"an output has become {count} images")
            if status not in accepted and (is_survivable or count):
                problems.append(f"an output that could have been fetched is {status} ({reason})")
    return problems


def _ours(simulation: Simulation) -> list[SimJob]:
    """Return the jobs whose outputs we owe: those we started, and those an app handed over with success."""
    granted = {wish.job.id for wish in simulation.apps.granted if wish.job is not None}
    return [
        job
        for job in simulation.provider.jobs.values()
        if job.is_good and (job.webhook is not None or job.id in granted)
    ]


def _paid_twice(simulation: Simulation) -> list[str]:
    asked = Counter(job.asked["prompt"] for job in simulation.provider.jobs.values())
    return [f"one wish has started {count} jobs" for count in asked.values() if count > 1]


def _wrong_bytes(folder: Path, row: Row) -> list[str]:
    job_id, index, file, status, sha256, *_ = row
    if status != "stored":
        return []
    made = hashlib.sha256(content_of(job_id, index)).hexdigest()
    path = folder / "images" / file
    kept = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "no file"
    return [] if made == sha256 == kept else [f"an output is stored with other bytes: {kept[:12]}"]


def _figures(simulation: Simulation, rows: list[Row]) -> list[str]:
    statuses = Counter(row[3] for row in rows)
    jobs = simulation.provider.jobs
    spare = [
        (jobs[row[0]].expires_at - datetime.fromtimestamp(row[5] / 1e6, UTC)).total_seconds() / 60
        for row in rows
        if row[3] == "stored"
    ]
    down = sum(outage.end - outage.start for outage in simulation.weather.outages) / 3600
    counts = ", ".join(f"{count:,} {status}" for status, count in statuses.items())
    hours = simulation.clock.monotonic() / 3600
    outages = f"{len(simulation.weather.outages)} outages, {down:.1f} of {hours:.1f} hours"
    told, fetches = simulation.told, simulation.downloader
    return [
        f"{len(jobs):,} jobs, {counts}",
        f"{outages}; {simulation.restarts} deaths; {simulation.provider.lost} answers lost",
        f"webhooks: {told['delivered']:,} delivered, {told['lost']:,} lost",
        f"fetches: {fetches.fetched:,} good, {fetches.failed:,} failed",
        f"the closest call was {min(spare, default=0):.1f} minutes before its source expired",
    ]

"""What Holdfast wants to reach, judged by what was measured in the same run."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.ingest import Ingest
from benchmarks.load import Row
from benchmarks.serving import Standing
from benchmarks.thumbnails import Making
from benchmarks.uploads import Uploads

DISTURBED = 0.1
"""What strangers may take of a core before a time or a rate says more of them than of a server."""

_MEMORY_MB = 300
_WORST_MS = 50
_UPLOADS_MB = 200

# workload, peer, Holdfast's rate is to be so many times the peer's
_RATIOS = (
    ("hot-17k", "nginx", 0.4),
    ("hot-17k", "Caddy", 1.0),
    ("hot-2m", "nginx", 1.5),
    ("random-2m", "nginx", 0.95),
    ("not-modified", "nginx", 0.4),
    ("range-64k", "nginx", 0.6),
)


@dataclass(frozen=True, slots=True)
class Aim:
    """One aim and what came of it; *is_met* is None where it could not be judged."""

    name: str
    measured: str
    wanted: str
    is_met: bool | None


def of_serving(standings: Sequence[Standing]) -> list[Aim]:
    """Compare the rates of requests; the ratio by CPU time stands beside, and is not judged."""
    found = {(one.workload, one.server): one for one in standings if one.rounds}
    ran = {one.workload for one in standings}
    return [
        _of_rates(workload, found.get((workload, "Holdfast")), found.get((workload, peer)), (peer, wanted))
        for workload, peer, wanted in _RATIOS
        if workload in ran
    ]


def _of_rates(workload: str, ours: Standing | None, peer: Standing | None, aim: tuple[str, float]) -> Aim:
    beside, wanted = aim
    name = f"{workload}: times the requests/s of {beside}"
    if ours is None or peer is None:
        return _at_least(name, None, wanted)
    found = _at_least(name, ours.rate / peer.rate, wanted)
    measured = f"{found.measured} (by CPU time {peer.cpu / ours.cpu:.2f})"
    return _judged(Aim(name, measured, found.wanted, found.is_met), others=max(ours.others, peer.others))


def of_thumbnails(makings: Sequence[Making]) -> list[Aim]:
    """Compare thumbnails per second of CPU time, which an idle moment cannot flatter."""
    rates = {(one.server, one.format): one.per_core for one in makings if one.made}
    formats = dict.fromkeys(one.format for one in makings)
    return [
        _at_least(
            f"thumbnails as {format_}: times those of IPX per core",
            _ratio(rates.get(("Holdfast", format_)), rates.get(("IPX", format_))),
            1.2,
        )
        for format_ in formats
    ]


def of_ingest(ingest: Ingest) -> list[Aim]:
    """Judge what readers notice, and memory."""
    times = ingest.busy.p99 / ingest.idle.p99
    megabytes = ingest.memory / 1e6
    memory = f"{megabytes:.0f} MB"
    timed = (
        Aim("ingest: p99 of GETs, times that of an idle service", f"{times:.1f}", "at most 3", times <= 3),
        Aim(
            "ingest: the worst GET",
            f"{ingest.busy.worst:.0f} ms",
            f"at most {_WORST_MS} ms",
            ingest.busy.worst <= _WORST_MS,
        ),
    )
    return [
        *(_judged(aim, others=ingest.others) for aim in timed),
        Aim("ingest: memory, decoders included", memory, f"at most {_MEMORY_MB} MB", megabytes <= _MEMORY_MB),
    ]


def of_uploads(found: Uploads) -> list[Aim]:
    """Judge memory: it must not grow with what is under way."""
    megabytes = found.own / 1e6
    wanted = f"at most {_UPLOADS_MB} MB"
    return [Aim("uploads: memory of the service", f"{megabytes:.0f} MB", wanted, megabytes <= _UPLOADS_MB)]


def of_load(rows: Sequence[Row], *, others: float) -> list[Aim]:
    """Judge the load of the plan; *others* is how much of a core strangers took meanwhile."""
    found = [Aim(f"load: {row.name}", row.result, row.wanted, row.holds) for row in rows]
    return [_judged(aim, others=others) if "under" in aim.wanted else aim for aim in found]


def _judged(aim: Aim, *, others: float) -> Aim:
    """Take the verdict back where strangers took so much of the machine that it would be theirs."""
    if others <= DISTURBED:
        return aim
    return Aim(aim.name, f"{aim.measured}, while others took {others:.0%} of a core", aim.wanted, None)


def _ratio(ours: float | None, peer: float | None) -> float | None:
    return ours / peer if ours and peer else None


def _at_least(name: str, ratio: float | None, wanted: float) -> Aim:
    reached: Callable[[float, float], bool] = operator.gt if wanted == 1 else operator.ge
    words = "more than 1" if wanted == 1 else f"at least {wanted}"
    if ratio is None:
        return Aim(name, "not measured", words, None)
    return Aim(name, f"{ratio:.2f}", words, reached(ratio, wanted))

"""The results as Markdown, and their place in the README."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.aims import DISTURBED, Aim
from benchmarks.ingest import CONNECTIONS, IMPORTS, RATE, Ingest, Latency
from benchmarks.load import Row
from benchmarks.serving import Standing
from benchmarks.thumbnails import WIDTH, Making
from benchmarks.uploads import COUNT, SIZE, Uploads
from benchmarks.workloads import WORKLOADS

README = Path(__file__).with_name("README.md")
_BEGIN, _END = "<!-- results: written by `make bench ARGS=--write` -->", "<!-- end of results -->"
_VERDICTS = {True: "met", False: "**not met**", None: "not judged"}


def serving(standings: Sequence[Standing]) -> str:
    """Return a table for each workload."""
    return "\n\n".join(
        f"### {workload.title} (`{workload.name}`)\n\n{_table(_SERVING, _workload(found))}"
        for workload in WORKLOADS
        if (found := [one for one in standings if one.workload == workload.name])
    )


_SERVING = ("", "requests/s", "of nginx's", "MB/s", "p50, ms", "p99, ms", "CPU per request, µs", "server's core", "")


def _workload(standings: Sequence[Standing]) -> Iterator[Sequence[str]]:
    nginx = next((one.rate for one in standings if one.server == "nginx" and one.rounds), None)
    for one in standings:
        if not one.rounds:
            yield (one.server, *[""] * 7, one.lack or "")
            continue
        yield (
            one.server,
            f"{one.rate:,.0f}",
            f"{one.rate / nginx:.2f}" if nginx else "",
            f"{one.megabytes:,.0f}",
            f"{one.p50:.1f}",
            f"{one.p99:.1f}",
            f"{one.cpu:,.0f}",
            f"{one.busy:.0%}",
            ", ".join(_notes(one)),
        )


def _notes(standing: Standing) -> Iterator[str]:
    if standing.is_client_busy:
        yield "the client had no time left"
    if standing.others > DISTURBED:
        yield f"others took {standing.others:.0%} of a core"
    if standing.voids:
        yield f"{len(standing.voids)} rounds void"


def thumbnails(makings: Sequence[Making]) -> str:
    """Return the table of thumbnails."""
    heads = ("", "format", "thumbnails/s", "per second of CPU time", "KB each", "again, with validators, /s", "")
    rows = (
        (
            one.server,
            one.format,
            f"{one.rate:.1f}",
            f"{one.per_core:.1f}",
            f"{one.kilobytes:.0f}",
            f"{one.rate_again:,.0f}",
            "",
        )
        if one.made and one.lack is None
        else (one.server, one.format, *[""] * 4, one.lack or "")
        for one in makings
    )
    return f"### Thumbnails {WIDTH} pixels wide out of different 2 MB PNGs (`thumbnails`)\n\n{_table(heads, rows)}"


def ingest(found: Ingest) -> str:
    """Return what readers noticed."""

    def row(name: str, latency: Latency) -> Sequence[str]:
        return name, f"{latency.p50:.1f}", f"{latency.p99:.1f}", f"{latency.worst:.1f}"

    busy = f"{IMPORTS} imports of 2 MB, done in {found.seconds:.1f} s"
    rows = (row("idle", found.idle), row(busy, found.busy))
    title = f"### Readers while pictures come in: {RATE} GETs/s of 17 KB over {CONNECTIONS} connections (`ingest`)"
    heads = ("the service is", "p50, ms", "p99, ms", "worst, ms")
    return f"{title}\n\n{_table(heads, rows)}\n\nMemory at its peak, decoders included: {found.memory / 1e6:.0f} MB."


def uploads(found: Uploads) -> str:
    """Return what many large uploads at once cost."""
    title = f"### {COUNT} uploads of {SIZE / 1e6:.0f} MB at once (`uploads`)"
    heads = ("seconds", "MB/s", "memory of the service at its peak, MB", "with its decoders", "idle, with one decoder")
    sizes = (f"{size / 1e6:.0f}" for size in (found.own, found.memory, found.idle))
    row = (f"{found.seconds:.1f}", f"{COUNT * SIZE / 1e6 / found.seconds:.0f}", *sizes)
    return f"{title}\n\n{_table(heads, [row])}"


def load(rows: Sequence[Row]) -> str:
    """Return the load of the plan."""
    cells = ((row.name, row.result) for row in rows)
    return f"### The load of the plan (`load`)\n\n{_table(('load', 'measured'), cells)}"


def aims(found: Sequence[Aim]) -> str:
    """Return what was wanted, and whether it was reached."""
    cells = ((aim.name, aim.measured, aim.wanted, _VERDICTS[aim.is_met]) for aim in found)
    return f"### Aims\n\n{_table(('aim', 'measured', 'wanted', ''), cells)}"


def write(text: str, *, readme: Path = README) -> None:
    """Put *text* between the markers of *readme*."""
    before, _, rest = readme.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"{readme} has no place for results")
    readme.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}")


def _table(heads: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    lines = (heads, ["---"] * len(heads), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

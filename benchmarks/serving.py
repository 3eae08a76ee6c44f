"""Serving side by side: all servers up, each on the same core, rounds interleaved, medians."""

import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import probe, wrk
from benchmarks.album import Album
from benchmarks.holdfast import holdfast, two_workers
from benchmarks.machine import Cores, cpu_seconds, cpu_seconds_of_others, pinned
from benchmarks.peers import Missing
from benchmarks.peers.servers import Server, Start, aiohttp_static, caddy, nginx, starlette
from benchmarks.probe import Request, WrongAnswer
from benchmarks.workloads import Workload

SERVERS: dict[str, Start] = {
    "Holdfast": holdfast,
    "Holdfast, 2 workers": two_workers,
    "nginx": nginx,
    "Caddy": caddy,
    "aiohttp static": aiohttp_static,
    "Starlette": starlette,
}

# The first look is at every picture; each warm-up at as many as take a moment.
_WARM_UP = {"hot-17k": 400, "hot-2m": 32, "random-2m": 64, "not-modified": 400, "range-64k": 200}


@dataclass(frozen=True, slots=True)
class Measured:
    """One valid round of one server, and the CPU seconds its processes, and strangers, took meanwhile."""

    round: wrk.Round
    cpu: float
    others: float


@dataclass(slots=True)
class Standing:
    """What one server did in one workload over all rounds; *lack* says why it did nothing."""

    server: str
    workload: str
    rounds: list[Measured] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)
    lack: str | None = None

    @property
    def rate(self) -> float:
        """Requests per second."""
        return statistics.median(one.round.requests / one.round.seconds for one in self.rounds)

    @property
    def megabytes(self) -> float:
        return statistics.median(one.round.bytes / one.round.seconds / 1e6 for one in self.rounds)

    @property
    def p50(self) -> float:
        return statistics.median(one.round.p50 for one in self.rounds)

    @property
    def p99(self) -> float:
        return statistics.median(one.round.p99 for one in self.rounds)

    @property
    def cpu(self) -> float:
        """Microseconds of CPU time per request, the kernel's work for the server included."""
        return statistics.median(1e6 * one.cpu / one.round.requests for one in self.rounds)

    @property
    def busy(self) -> float:
        """How much of a core the server took: where it is well below one, something else was the limit."""
        return statistics.median(one.cpu / one.round.seconds for one in self.rounds)

    @property
    def others(self) -> float:
        """How much of a core strangers took, in the worse half of the rounds."""
        return statistics.median_high(one.others / one.round.seconds for one in self.rounds)

    @property
    def is_client_busy(self) -> bool:
        return sum(one.round.is_client_busy for one in self.rounds) * 2 > len(self.rounds)


@dataclass(frozen=True, slots=True)
class Extent:
    """How long it all takes."""

    rounds: int
    seconds: int


async def compare(
    album: Album, workloads: Sequence[Workload], *, cores: Cores, extent: Extent, servers: dict[str, Start] = SERVERS
) -> list[Standing]:
    """Run every workload against every server that is here."""
    found = []
    async with _all_up(album, servers, cores) as (up, lacks):
        for workload in workloads:
            found += [Standing(name, workload.name, lack=lack) for name, lack in lacks.items()]
            found += await _alternate(album, workload, up, extent)
    order = list(servers)
    return sorted(found, key=lambda one: order.index(one.server))


def nothing(workloads: Sequence[Workload]) -> list[Standing]:
    """Return what is left to say where there is no load generator."""
    return [Standing(name, workload.name, lack="wrk is not installed") for workload in workloads for name in SERVERS]


@asynccontextmanager
async def _all_up(
    album: Album, servers: dict[str, Start], cores: Cores
) -> AsyncIterator[tuple[list[Server], dict[str, str]]]:
    up, lacks = [], {}
    async with AsyncExitStack() as stack:
        for name, start in servers.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peer-", dir=album.folder.parent)))
            try:
                with pinned(cores.pair if start is two_workers else cores.server):
                    up.append(await stack.enter_async_context(start(album, folder)))
            except Missing as lack:
                lacks[name] = str(lack)
        yield up, lacks


async def _alternate(album: Album, workload: Workload, servers: Sequence[Server], extent: Extent) -> list[Standing]:
    standings = {server.name: Standing(server.name, workload.name) for server in servers}
    loads = {}
    for server in servers:
        try:
            loads[server.name] = await prepare(server, album, workload, extent.seconds)
        except WrongAnswer as wrong:
            standings[server.name].lack = f"not comparable: {wrong}"
    for number in range(extent.rounds):
        print(f"{workload.name}: round {number + 1} of {extent.rounds}", file=sys.stderr)
        for server in servers:
            if server.name in loads:
                await measure(server, workload, loads[server.name], standings[server.name])
    for standing in standings.values():
        if not standing.rounds and standing.lack is None:
            standing.lack = f"every round was void: {standing.voids[-1]}"
    return list(standings.values())


async def prepare(server: Server, album: Album, workload: Workload, seconds: int) -> wrk.Load:
    """Look at every answer once, byte for byte, and return the load of a round; raise `WrongAnswer`."""
    asked = await workload.ask(server, album)
    weights = await probe.check(server.port, asked, connections=4)
    return wrk.Load(asked, workload.connections, seconds, frozenset(weights))


async def measure(server: Server, workload: Workload, load: wrk.Load, standing: Standing) -> None:
    """Warm up, run one round, and add it to *standing*, as a void one when anything was wrong."""
    try:
        await probe.check(server.port, _repeated(load.requests, _WARM_UP[workload.name]), connections=load.connections)
        before, others = cpu_seconds(server.pid), cpu_seconds_of_others()
        found = await wrk.run(server.port, load)
        cpu, others = cpu_seconds(server.pid) - before, cpu_seconds_of_others() - others
        standing.rounds.append(Measured(found, cpu, others))
    except* (WrongAnswer, OSError, EOFError) as problems:
        standing.voids.append(str(problems.exceptions[0]))


def _repeated(requests: Sequence[Request], count: int) -> list[Request]:
    return [requests[number % len(requests)] for number in range(count)]

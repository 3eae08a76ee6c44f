"""The machine: which cores the server and its client get, what a tree of processes took of them, what it is made of."""

import os
import platform
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.memory import descendants


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where.  The client never shares a core with a server of one process, unless there is only one core."""

    server: frozenset[int]
    pair: frozenset[int]
    """For a server of two processes: two cores beside the client's, where there are three."""
    rest: frozenset[int]
    """All but the client's, for what may use them all."""
    client: frozenset[int]

    @property
    def is_pair_shared(self) -> bool:
        return bool(self.pair & self.client)


def cores() -> Cores:
    """Share out the cores this process may use."""
    mine = sorted(os.sched_getaffinity(0))
    return Cores(
        server=frozenset(mine[:1]),
        pair=frozenset(mine[:2]),
        rest=frozenset(mine[:-1] or mine),
        client=frozenset(mine[-1:]),
    )


@contextmanager
def pinned(wanted: frozenset[int]) -> Iterator[None]:
    """Keep this thread, and whatever it starts meanwhile, on *wanted*."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, wanted)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that *pid* and all its descendants have taken, those that have ended included."""
    return sum(_own(process) for process in (pid, *descendants(pid))) / os.sysconf("SC_CLK_TCK")


def cpu_seconds_of_others() -> float:
    """Return the CPU time that all but this process and its descendants have taken, a hypervisor included."""
    user, nice, system, _, _, _, _, steal = (int(field) for field in _first_line("/proc/stat").split()[1:9])
    return (user + nice + system + steal) / os.sysconf("SC_CLK_TCK") - cpu_seconds(os.getpid())


def _first_line(path: str) -> str:
    return Path(path).read_text().partition("\n")[0]


def _own(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    # Fields 14 to 17 of proc(5): user and system time, own and of children that were waited for.
    return sum(int(field) for field in fields[11:15])


def free_port() -> int:
    """Return a port that is free just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def describe() -> str:
    """Return one line on the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    count = len(os.sched_getaffinity(0))
    return f"{model}, {count} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"

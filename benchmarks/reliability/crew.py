"""Several fork servers side by side, more than processors: a life under a lasting fault mostly waits."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue

from benchmarks.reliability.points import Outcome, Point
from benchmarks.reliability.shim import compile_shim

ROOT = Path(__file__).parents[2]


class Crew:
    """Runs points, as many at once as there are servers."""

    def __init__(self, servers: list["subprocess.Popen[str]"]) -> None:
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for server in servers:
            self._idle.put(server)
        self._threads = ThreadPoolExecutor(len(servers))

    def run(self, points: Iterable[Point]) -> Iterator[tuple[Point, Outcome]]:
        """Yield the outcome of each point, in their order."""
        points = list(points)
        yield from zip(points, self._threads.map(self._run, points), strict=True)

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    def _run(self, point: Point) -> Outcome:
        server = self._idle.get()
        try:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps(asdict(point)) + "\n")
            server.stdin.flush()
            return Outcome(**json.loads(server.stdout.readline()))
        finally:
            self._idle.put(server)


@contextmanager
def crew(*, servers: int | None = None) -> Iterator[Crew]:
    """Yield a crew that works in memory; raise `Missing` without a compiler."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-points-", dir=workplace()))
        processes = [
            stack.enter_context(program("benchmarks.reliability.points", folder, folder))
            for _ in range(servers or 2 * (os.cpu_count() or 1))
        ]
        for process in processes:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("a fork server did not start")
        workers = Crew(processes)
        stack.callback(workers.close)
        yield workers


def workplace() -> str:
    """Return a folder in memory where there is one: what is measured here is order, not speed."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()  # noqa: S108 - made unique below


@contextmanager
def program(module: str, folder: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run *module* with the shim, which is compiled into *folder*, preloaded; raise `Missing` without a compiler."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"LD_PRELOAD": str(compile_shim(Path(folder))), "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

"""The service as a process of its own, whose disk fails when a test says so.

Its calls below one path go through the preloaded call counter of `benchmarks/reliability`.  Run as a program it is
`python -m app serve` with a thread that takes orders.
"""

import json
import socket
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app.cli import main
from benchmarks.reliability.shim import CHANGES, Action, Kind, Shim
from tests.support.processes import ServiceProcess, service_process

__all__ = ["CHANGES", "FaultyDisk", "Kind", "faulty_service"]


@dataclass(frozen=True, slots=True)
class FaultyDisk:
    """Orders to the process; each has been carried out when its call returns."""

    line: socket.socket

    def fail(self, kinds: Kind, error: int) -> None:
        """Let every call of *kinds* fail from now on."""
        self._order(Action.FAIL_ON, kinds, error)

    def fail_once(self, kinds: Kind, error: int, *, nth: int = 1) -> None:
        """Let the *nth* call of *kinds* from now fail."""
        self._order(Action.FAIL_ONCE, kinds, error, nth)

    def heal(self) -> int:
        """End the fault; return how many calls have failed."""
        return self._order(Action.NOTHING, Kind(0), 0)

    def _order(self, action: Action, kinds: Kind, error: int, nth: int = 1) -> int:
        self.line.sendall(json.dumps([action, kinds, nth, error]).encode() + b"\n")
        return int(self.line.recv(32))


@asynccontextmanager
async def faulty_service(
    settings: Mapping[str, str], log: Path, *, shim: Path, below: Path
) -> AsyncIterator[tuple[ServiceProcess, FaultyDisk]]:
    """Run the service until the block ends; what can fail are its calls on paths that begin with *below*."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        run = ("tests.support.faulty_disk", str(theirs.fileno()), str(below))
        preloaded = settings | {"LD_PRELOAD": str(shim)}
        async with service_process(preloaded, log, run=run, pass_fds=(theirs.fileno(),)) as service:
            yield service, FaultyDisk(ours)


def _obey(library: Shim, descriptor: int) -> None:
    with socket.socket(fileno=descriptor) as line, line.makefile("rw") as orders:
        for order in orders:
            action, kinds, nth, error = json.loads(order)
            failed = library.failed
            if action == Action.NOTHING:
                library.disarm()
            else:
                library.arm(Action(action), kinds=Kind(kinds), nth=nth, error=error, note_to=-1)
            orders.write(f"{failed}\n")
            orders.flush()


def _main(descriptor: str, below: str) -> int:
    library = Shim()
    library.watch(Path(below))
    threading.Thread(target=_obey, args=(library, int(descriptor)), daemon=True).start()
    return main(["serve"])


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))

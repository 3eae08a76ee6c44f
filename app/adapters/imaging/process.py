"""One worker process, seen from the event loop."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from app.adapters.imaging.outline import Limits
from app.adapters.imaging.protocol import (
    LENGTH_SIZE,
    MAX_STREAM,
    Message,
    Reply,
    pack,
    parse,
    parse_length,
    payload_size,
)
from app.domain.ports import Staging

_ROOT = Path(__file__).resolve().parents[3]
_SLICE = 256 * 1024
_GRACE = 1.0  # seconds for a process that has closed its output to end

# glibc's malloc (mallopt(3)).  Left alone it gives a picture's memory back, and asks for the same of the next: a fifth
# of the time a thumbnail takes went into pages the kernel had to clear again.
_MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(16 << 20),  # larger blocks are given back at once
    "MALLOC_TRIM_THRESHOLD_": str(32 << 20),  # what a worker may keep between two pictures
}


class WorkerDied(Exception):
    """The process ended, or said something that is no reply.  *status* is its exit code, negative for a signal.

    *served* counts the requests it has had, with the one it died of.
    """

    def __init__(self, status: int, *, served: int) -> None:
        super().__init__(f"the image worker ended with status {status}")
        self.status = status
        self.served = served


class WorkerProcess:
    """Answers one request at a time.  After any exception but a reply it can only be ended."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None  # noqa: S101 - for mypy: both are pipes
        assert process.stdout is not None  # noqa: S101 - for mypy
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self.served = 0

    @classmethod
    async def start(cls, *, limits: Limits, memory_limit: int, niceness: int = 0) -> "WorkerProcess":
        """Start a worker; its death before it is ready shows when it is first asked.

        It inherits our error output, for what keeps it from starting; once it has, it falls silent.  It inherits
        no environment, so that no secret of ours is within a decoder's reach, and no terminal signal.
        A *niceness* above 0 gives way to whoever else wants the processor.
        """
        sandbox = {"memory_limit": memory_limit, "parent": os.getpid()}
        settings = {"limits": asdict(limits), "sandbox": sandbox}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-B", "-P", "-s", "-S"),
            *("-m", "app.adapters.imaging.worker", json.dumps(settings)),
            stdin=PIPE,
            stdout=PIPE,
            env=_environment(),
            # No session of its own: the kernel weighs sessions against each other (sched(7), autogroup), and niceness
            # would count for nothing between this process and its parent.
            process_group=0,
        )
        # From here, not by itself: what it imports takes it longer than ten pictures do.
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + niceness)
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def ready(self) -> Reply:
        """Return the worker's first message; raise `WorkerDied`."""
        return await self._receive()

    async def ask(self, request: Message, *, into: Staging | None = None) -> Reply:
        """Send *request* and return the reply; raise `WorkerDied`.

        The payload is written *into* a file where one is given; raise what that raises.
        """
        self.served += 1
        try:
            self._stdin.write(pack(request))
            await self._stdin.drain()
        except ConnectionError as exc:
            raise WorkerDied(await self._status(), served=self.served) from exc
        return await self._receive(into)

    async def end(self) -> None:
        """Kill the process if it still runs, and wait until nothing of it is left."""
        self.kill()
        await self._process.wait()
        self._stdin.close()
        with suppress(ConnectionError):
            await self._stdin.wait_closed()

    def kill(self) -> None:
        """Kill the process if it still runs, waiting for nothing."""
        # Not `Process.kill`: that looks first whether the process has ended, and then takes the exit status
        # away from asyncio, which complains.
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def _receive(self, into: Staging | None = None) -> Reply:
        try:
            length = parse_length(await self._stdout.readexactly(LENGTH_SIZE))
            message = parse(await self._stdout.readexactly(length))
            if into is None:
                return message, await self._stdout.readexactly(payload_size(message))
            await self._pour(payload_size(message, at_most=MAX_STREAM), into)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as exc:
            raise WorkerDied(await self._status(), served=self.served) from exc
        return message, b""

    async def _pour(self, size: int, into: Staging) -> None:
        for start in range(0, size, _SLICE):
            await into.write(await self._stdout.readexactly(min(_SLICE, size - start)))

    async def _status(self) -> int:
        # Only a process that is let end by itself has a status that says why.
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                return await self._process.wait()
        self.kill()
        return await self._process.wait()


def _environment() -> dict[str, str]:
    """Return what a worker needs to import what we import, and to deal with memory as pictures need it."""
    inherited = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    paths = [str(_ROOT), *(path for path in sys.path if path)]
    return inherited | _MALLOC | {"PYTHONPATH": os.pathsep.join(paths)}

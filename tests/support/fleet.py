"""The service as several processes, each of which can be talked to, and killed, by its number."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, TCPConnector

from devkit.replicate import ReplicateStandIn
from tests.support.processes import ServiceProcess, service_process
from tests.support.service import environment
from tests.support.waiting import until

_MOST_TRIES = 100


@dataclass(frozen=True, slots=True)
class Fleet:
    """A running deployment.  `lines` is what it has said so far."""

    service: ServiceProcess
    log: Path
    _stack: AsyncExitStack
    _connected: dict[int, ClientSession] = field(default_factory=dict)

    @property
    def lines(self) -> list[dict[str, Any]]:
        text = self.log.read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def said(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["message"] == message]

    async def client(self, number: int) -> ClientSession:
        """Return a client that talks to process *number*: the kernel decides, so it dials until it is lucky."""
        for _ in range(_MOST_TRIES):
            if number in self._connected:
                return self._connected[number]
            http = ClientSession(self.service.http._base_url, connector=TCPConnector(limit=1))
            self._connected.setdefault(await self._number(http), http)
            self._stack.push_async_callback(http.close)
        raise AssertionError(f"process {number} answers nobody")

    def pids(self) -> dict[int, int]:
        """Return the ids of the processes by their numbers."""
        supervisor = self.service.process.pid
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        return {json.loads(arguments(int(pid))[-1])["number"]: int(pid) for pid in children if arguments(int(pid))}

    def owner(self, number: int) -> str:
        """Return the name under which process *number* holds captures."""
        return str(json.loads(arguments(self.pids()[number])[-1])["owner"])

    async def kill(self, number: int) -> int:
        """Kill process *number* without warning; return its id."""
        pid = self.pids()[number]
        self._connected.pop(number, None)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not is_alive(pid))
        return pid

    async def _number(self, http: ClientSession) -> int:
        answer = await http.get("/v1/capabilities")
        request = answer.headers["X-Request-Id"]
        await until(lambda: any(line.get("request_id") == request for line in self.lines))
        return int(next(line["worker"] for line in self.lines if line.get("request_id") == request))


async def metrics(http: ClientSession) -> dict[str, float]:
    """Return the numbers of /metrics by name and labels."""
    text = await (await http.get("/metrics")).text()
    rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def arguments(pid: int) -> list[str]:
    """Return the command line of a process; empty once it is dead."""
    try:
        return [text for text in Path(f"/proc/{pid}/cmdline").read_text().split("\0") if text]
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    return bool(arguments(pid))


@asynccontextmanager
async def fleet(
    folder: Path, replicate: ReplicateStandIn, *, log: str = "log", settings: Mapping[str, str] | None = None
) -> AsyncIterator[Fleet]:
    """Run two processes over *folder* until the block ends."""
    known = environment(folder, replicate, WORKERS="2", SHUTDOWN_GRACE_SECONDS="5", TMPDIR=str(folder)) | dict(
        settings or {}
    )
    async with service_process(known, folder / log) as service, AsyncExitStack() as stack:
        yield Fleet(service, folder / log, stack)


async def ended(process: asyncio.subprocess.Process, *, seconds: float = 10) -> int:
    """Return the exit code of *process* once it has ended."""
    async with asyncio.timeout(seconds):
        return await process.wait()

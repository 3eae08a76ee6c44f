"""The service as a process of its own, which can be killed."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """`python -m app serve`, ready, and a client of it."""

    http: ClientSession
    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        """End it as a power cut would: nothing of it runs any more when this returns."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def service_process(
    settings: Mapping[str, str],
    log: Path,
    *,
    under: Sequence[str] = (),
    run: Sequence[str] = ("app", "serve"),
    pass_fds: Sequence[int] = (),
) -> AsyncIterator[ServiceProcess]:
    """Run the service with *settings* until the block ends; what it says goes to *log*.

    *under* is a program that runs it, *run* the module with its arguments, *pass_fds* what it inherits.
    """
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT)}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(*under, sys.executable, "-m", *run),
            env=known | settings,
            cwd=log.parent,
            stdout=output,
            stderr=output,
            pass_fds=pass_fds,
        )
    try:
        async with ClientSession(f"http://127.0.0.1:{await _port(process, log)}") as http:
            yield ServiceProcess(http, process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _port(process: asyncio.subprocess.Process, log: Path) -> int:
    """Return the port the service says it listens on."""
    async with asyncio.timeout(_START_SECONDS):
        while True:
            text = await asyncio.to_thread(log.read_text)
            said = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
            ports = [int(entry["port"]) for entry in said if "port" in entry]
            if ports:
                return ports[0]
            if process.returncode is not None:
                raise RuntimeError(f"the service did not start: {said}")
            await asyncio.sleep(0.02)

"""The whole service as a process of its own: started, asked over HTTP, and killed."""

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running service; its log is `<folder>/service.log`."""

    url: str
    process: Process

    async def kill(self) -> None:
        """End it as a power switch for one process would: nothing of it runs on."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


async def start(folder: Path, *, under: Sequence[str] = (), mistake: str | None = None, **settings: str) -> Server:
    """Start the service over *folder*, as an argument of the program *under* if there is one."""
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "HOME") if name in os.environ}
    given = {"PYTHONPATH": str(_ROOT), "IMAGE_STORAGE_PATH": str(folder / "images"), "PORT": "0"}
    run = ("benchmarks.reliability.planted", mistake) if mistake else ("app", "serve")
    log = folder / "service.log"
    with log.open("ab") as output:
        already = output.tell()
        process = await asyncio.create_subprocess_exec(
            *(*under, sys.executable, "-m", *run),
            env=inherited | given | settings,
            cwd=folder,
            stdout=output,
            stderr=output,
        )
    try:
        return Server(f"http://127.0.0.1:{await _port(log, already, process)}", process)
    except BaseException:
        process.kill()
        await process.wait()
        raise


async def _port(log: Path, already: int, process: Process) -> int:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.returncode is None:
        for line in _lines(log, already):
            if line.startswith(b"{") and line.endswith(b"}") and b'"port"' in line:
                return int(json.loads(line)["port"])
        await asyncio.sleep(0.01)
    raise RuntimeError(f"the service did not start: {_lines(log, already)[-3:]}")


def _lines(log: Path, start: int) -> list[bytes]:
    return log.read_bytes()[start:].splitlines()

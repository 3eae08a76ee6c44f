"""Holdfast itself as a process of its own, on loopback, over a folder: what demos and benchmarks talk to."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    """A running service.  *pid* is that of the process that answers."""

    url: str
    pid: int


@asynccontextmanager
async def service_process(folder: Path, *arguments: str, **settings: str) -> AsyncIterator[ServiceProcess]:
    """Run `python -m app serve` over *folder* until the block ends; its log goes to `<folder>/service.log`.

    *arguments* follow `serve` on the command line.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "HOME") if name in os.environ}
    given = {"PYTHONPATH": str(_ROOT), "IMAGE_STORAGE_PATH": str(folder / "images"), "PORT": "0"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "serve", *arguments),
        env=inherited | given | settings,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        limit=2**22,
    )
    if process.stdout is None:
        raise RuntimeError("the service has no output")
    with (folder / "service.log").open("wb") as log:
        drain: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(_START_SECONDS):
                port = await _port(process.stdout)
            drain = asyncio.create_task(_drain(process.stdout, log.write))
            yield ServiceProcess(f"http://127.0.0.1:{port}", process.pid)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            if drain is not None:
                await drain


async def _port(output: asyncio.StreamReader) -> int:
    """Return the port the service says it listens on."""
    said = []
    while line := await output.readline():
        entry = json.loads(line)
        if "port" in entry:
            return int(entry["port"])
        said.append(entry["message"])
    raise RuntimeError(f"the service did not start: {said}")


async def _drain(output: asyncio.StreamReader, write: Callable[[bytes], object]) -> None:
    while line := await output.readline():
        write(line)

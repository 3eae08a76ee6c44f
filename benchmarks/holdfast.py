"""The service itself, in its default configuration over an album: as one process, and as two."""

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.album import Album, Picture
from benchmarks.machine import free_port
from benchmarks.peers import Missing
from benchmarks.peers.servers import Server
from devkit.service import service_process

_ROOT = Path(__file__).parent.parent

# 12,000 reads a minute from one address are a limit for strangers, and the load comes from one address.
_SETTINGS = {"RATE_LIMIT_READS": ""}


@asynccontextmanager
async def holdfast(album: Album, _: Path, **settings: str) -> AsyncIterator[Server]:
    """Serve *album* by one process."""
    async with service_process(album.folder, **_SETTINGS, **settings) as service:
        yield Server("Holdfast", urlsplit(service.url).port or 0, service.pid, _path)


@asynccontextmanager
async def two_workers(album: Album, folder: Path) -> AsyncIterator[Server]:
    """Serve a copy of *album* by two processes: one service holds a volume at a time."""
    if not _can_work_together():
        raise Missing("`serve` has no --workers")
    volume = folder / "volume"
    shutil.copytree(album.root, volume / "images", copy_function=os.link)
    shutil.copy2(album.folder / "holdfast.db", volume / "holdfast.db")
    async with service_process(volume, "--workers", "2", PORT=str(free_port()), **_SETTINGS) as service:
        yield Server("Holdfast, 2 workers", urlsplit(service.url).port or 0, service.pid, _path)


def _can_work_together() -> bool:
    command = [sys.executable, "-m", "app", "serve", "--help"]
    return "--workers" in subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False).stdout


def _path(picture: Picture) -> str:
    return picture.path

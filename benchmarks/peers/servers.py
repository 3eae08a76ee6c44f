"""How each server is started, beside what it is called and where it shows a picture."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.album import Album, Picture
from benchmarks.machine import free_port
from benchmarks.peers import Missing, home, python_of

_HERE = Path(__file__).parent
_START_SECONDS = 30

_NGINX = """
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  types {{ image/png png; image/webp webp; }}
  sendfile on; tcp_nopush on; access_log off; etag on;
  open_file_cache max=1000 inactive=60s; keepalive_requests 1000000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  add_header Cache-Control "public, max-age=31536000, immutable";
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""
_CADDY = """
{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  root * {root}
  header Cache-Control "public, max-age=31536000, immutable"
  file_server
}}
"""
_THUMBOR = """
LOADER = "thumbor.loaders.file_loader"
FILE_LOADER_ROOT_PATH = "{root}"
STORAGE = "thumbor.storages.no_storage"
ALLOW_UNSAFE_URL = True
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.  *pid* is the root of all its processes; *path* says where it shows a picture."""

    name: str
    port: int
    pid: int
    path: Callable[[Picture], str]


Start = Callable[[Album, Path], AbstractAsyncContextManager[Server]]
"""Starts a server of an album, with a folder for what it has to write."""


@asynccontextmanager
async def nginx(album: Album, folder: Path) -> AsyncIterator[Server]:
    port, config = free_port(), folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(_NGINX.format(folder=folder, port=port, root=album.root, user=user))
    async with running("nginx", "-e", f"{folder}/nginx.log", "-c", str(config), port=port) as pid:
        yield Server("nginx", port, pid, _file)


@asynccontextmanager
async def caddy(album: Album, folder: Path) -> AsyncIterator[Server]:
    port, config = free_port(), folder / "Caddyfile"
    config.write_text(_CADDY.format(port=port, root=album.root))
    command = ("caddy", "run", "--config", str(config), "--adapter", "caddyfile")
    async with running(*command, port=port, XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder)) as pid:
        yield Server("Caddy", port, pid, _file)


@asynccontextmanager
async def aiohttp_static(album: Album, _: Path) -> AsyncIterator[Server]:
    port = free_port()
    async with running(sys.executable, str(_HERE / "aiohttp_static.py"), str(port), str(album.root), port=port) as pid:
        yield Server("aiohttp static", port, pid, _file)


@asynccontextmanager
async def starlette(album: Album, _: Path) -> AsyncIterator[Server]:
    port, python = free_port(), str(python_of("starlette"))
    async with running(python, str(_HERE / "starlette_static.py"), str(port), str(album.root), port=port) as pid:
        yield Server("Starlette", port, pid, _file)


@asynccontextmanager
async def thumbor(album: Album, folder: Path) -> AsyncIterator[Server]:
    port, config, python = free_port(), folder / "thumbor.conf", str(python_of("thumbor"))
    config.write_text(_THUMBOR.format(root=album.root))
    command = (python, "-m", "thumbor.server", "-i", "127.0.0.1", "-p", str(port), "-c", str(config), "-l", "error")
    async with running(*command, port=port) as pid:
        yield Server("Thumbor", port, pid, _file)


@asynccontextmanager
async def ipx(album: Album, _: Path) -> AsyncIterator[Server]:
    port, folder = free_port(), home() / "ipx"
    if not (folder / "node_modules" / "ipx").exists():
        raise Missing("IPX is not installed")
    command = ("node", str(_HERE / "ipx.mjs"), str(folder), str(port), str(album.root))
    async with running(*command, port=port, NODE_ENV="production") as pid:
        yield Server("IPX", port, pid, _file)


def _file(picture: Picture) -> str:
    return f"/{picture.file}"


@asynccontextmanager
async def running(*command: str, port: int, **environment: str) -> AsyncIterator[int]:
    """Run *command* until the block ends; yield its process id once *port* answers, or raise `Missing`."""
    if shutil.which(command[0]) is None:
        raise Missing(f"{command[0]} is not installed")
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_START_SECONDS):
            await _answering(port, process)
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _answering(port: int, process: asyncio.subprocess.Process) -> None:
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise Missing(f"it ended with status {process.returncode} before it answered")

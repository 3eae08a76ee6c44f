"""`python -m benchmarks.peers`: install what is missing, each peer in a place of its own."""

import os
import shutil
import subprocess
import sys

from benchmarks.peers import home

_DEBIAN = ("nginx", "caddy", "wrk")
_PIP = {"starlette": ("starlette", "uvicorn[standard]"), "thumbor": ("thumbor",)}
_NPM = "ipx"


def install() -> None:
    """Install the peers of pip and npm, and those of Debian if we may."""
    home().mkdir(parents=True, exist_ok=True)
    missing = [program for program in _DEBIAN if shutil.which(program) is None]
    if missing:
        _debian(missing)
    for environment, packages in _PIP.items():
        folder = home() / environment
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--upgrade", *packages)
    if shutil.which("npm"):
        folder = home() / _NPM
        folder.mkdir(exist_ok=True)
        _run("npm", "install", "--prefix", str(folder), "--no-fund", "--no-audit", "--loglevel=error", _NPM)
    else:
        print("npm is not installed: IPX is left out", file=sys.stderr)


def _debian(packages: list[str]) -> None:
    command = ("apt-get", "install", "--yes", "--no-install-recommends", *packages)
    if os.geteuid() == 0:
        _run(*command)
    else:
        print(f"as root: {' '.join(command)}", file=sys.stderr)


def _run(*command: str) -> None:
    print(f"$ {' '.join(command)}")
    subprocess.run(command, check=True)


if __name__ == "__main__":
    install()

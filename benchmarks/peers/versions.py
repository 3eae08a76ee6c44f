"""The versions of all peers, for the record beside the figures."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import home


def versions() -> str:
    """Return the versions of all peers that are here."""
    found = {
        "nginx": _said("nginx", "-v"),
        "Caddy": _said("caddy", "version"),
        "aiohttp": _packages(Path(sys.executable), "aiohttp"),
        "Starlette": _packages(home() / "starlette/bin/python", "starlette", "uvicorn", "uvloop"),
        "Thumbor": _packages(home() / "thumbor/bin/python", "thumbor", "pillow"),
        "IPX": _npm("ipx", "sharp"),
    }
    return ", ".join(f"{name} {version}" for name, version in found.items() if version)


def _said(*command: str) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return found.group() if found else None


def _packages(python: Path, *names: str) -> str | None:
    if not python.exists():
        return None
    ask = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    said = subprocess.run([python, "-c", ask, *names], capture_output=True, text=True, check=False).stdout.split()
    return _joined(names, said)


def _npm(*names: str) -> str | None:
    manifests = [home() / "ipx" / "node_modules" / name / "package.json" for name in names]
    if not all(manifest.exists() for manifest in manifests):
        return None
    return _joined(names, [json.loads(manifest.read_text())["version"] for manifest in manifests])


def _joined(names: Sequence[str], versions: Sequence[str]) -> str | None:
    if len(names) != len(versions):
        return None
    first, *rest = versions
    more = ", ".join(f"{name} {version}" for name, version in zip(names[1:], rest, strict=True))
    return f"{first} ({more})" if more else first

"""Other servers of the same files.  `python -m benchmarks.peers` installs them, apart from the service's own needs."""

import os
from pathlib import Path


class Missing(Exception):
    """A peer, or a part of the service, is not here; the message names it."""


def home() -> Path:
    """Return where the peers of pip and npm live: `HOLDFAST_PEERS`, or a folder of the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("HOLDFAST_PEERS") or cache / "holdfast-peers")


def python_of(environment: str) -> Path:
    """Return the interpreter of a peer's own environment, or raise `Missing`."""
    python = home() / environment / "bin" / "python"
    if not python.exists():
        raise Missing(f"{environment} is not installed")
    return python

"""A signing key of our own, for whoever has not set one: made once, kept beside the catalog."""

import os
from collections.abc import Callable
from pathlib import Path


def load_or_make_key(path: Path, entropy: Callable[[int], bytes]) -> bytes:
    """Return the key in *path*, making it first if it is not there; only its owner can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(entropy(32))
        file.flush()
        os.fsync(file.fileno())
    return path.read_bytes()

"""A signing key of our own, for whoever has not set one: made once, kept beside the catalog."""

import os
from collections.abc import Callable
from pathlib import Path

from app.domain.errors import StorageUnavailable

_LENGTH = 32


def load_or_make_key(path: Path, entropy: Callable[[int], bytes]) -> bytes:
    """Return the key in *path*, making it first if it is not there; only its owner can read it.

    Raise `StorageUnavailable`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _find(path) or _make(path, entropy)
    except OSError as error:
        raise StorageUnavailable("The signing key cannot be read or written.") from error


def _find(path: Path) -> bytes | None:
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    # Signing with what a crash cut short would be signing with what anybody can guess.
    return key if len(key) >= _LENGTH else None


def _make(path: Path, entropy: Callable[[int], bytes]) -> bytes:
    """Put a new key in place whole: under its name it is complete from the first moment."""
    draft = path.with_name(f"{path.name}.{entropy(8).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(entropy(_LENGTH))
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path.read_bytes()


def _put_in_place(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except OSError:
        # Another process may have made one too: the first is the key of both.  What was cut short is nobody's, and
        # where there are no hard links a rename has to do.
        if _find(path) is None:
            draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

"""The calls that change a disk, noted in their order; any of them can be made to fail."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_CALLS = ("mkdir", "rmdir", "link", "rename", "replace", "unlink", "fsync", "truncate")


class Crash(BaseException):
    """The process ends here; nothing that it would have done after this is done."""


class Disk:
    """Stands before `os`.  *calls* holds one line a call, such as `link .staging/n1 ana/img_1.png`."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.fault: Callable[[str], BaseException | None] = lambda _: None
        self._root = root
        for name in _CALLS:
            monkeypatch.setattr(os, name, self._guarded(name, getattr(os, name)))

    def fail(self, call: str, number: int) -> None:
        """Make every *call* fail with the error *number*: `fsync` means all of them, `fsync ana` that of one folder."""
        self.fault = lambda made: _error(number) if f"{made} ".startswith(f"{call} ") else None

    def fail_once(self, call: str, number: int) -> None:
        """Make only the next *call* fail."""

        def fault(made: str) -> OSError | None:
            if not f"{made} ".startswith(f"{call} "):
                return None
            self.recover()
            return _error(number)

        self.fault = fault

    def fail_after(self, count: int, number: int) -> None:
        """Let *count* more calls through, and make the one after them fail."""
        last = len(self.calls) + count
        self.fault = lambda _: _error(number) if len(self.calls) == last + 1 else None

    def crash_before(self, count: int) -> None:
        """Let *count* more calls through, and none after them."""
        last = len(self.calls) + count
        self.fault = lambda _: Crash() if len(self.calls) > last else None

    def recover(self) -> None:
        self.fault = lambda _: None

    def _guarded(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            shown = (self._shown(arg) for arg in args if isinstance(arg, str | os.PathLike | int))
            made = " ".join([name, *(path for path in shown if path)])
            self.calls.append(made)
            if (error := self.fault(made)) is not None:
                raise error
            return real(*args, **named)

        return call

    def _shown(self, place: "str | os.PathLike[str] | int") -> str:
        path = Path(f"/proc/self/fd/{place}" if isinstance(place, int) else place)
        if isinstance(place, int):
            path = path.readlink() if path.is_symlink() else path  # a mode is no descriptor
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else ""


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))

"""The command line as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Finished:
    """What a command left: its exit code, what it printed, and the lines of its log."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.err.splitlines()]


def environment_of(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a process over *folder*: nothing of ours leaks into it."""
    known = {"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT), "IMAGE_STORAGE_PATH": str(folder / "images")}
    return known | {"ALLOW_PRIVATE_SOURCES": "true"} | dict(settings)


def run(folder: Path, *arguments: str, **settings: str) -> Finished:
    """Run `python -m app` over *folder* to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        env=environment_of(folder, settings),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)

"""wrk, and what makes a round of it void: an error, a wrong status, a wrong length, a wrong sum."""

import asyncio
import json
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.probe import Request, WrongAnswer

_SCRIPT = Path(__file__).with_suffix(".lua")
_BUSY = 0.97
# Larger bodies are not copied into the script; see wrk.lua.
_LOOKED_INTO = 2**17


@dataclass(frozen=True, slots=True)
class Load:
    """What one round sends: *requests* at random, all of one status and size, over so many connections."""

    requests: Sequence[Request]
    connections: int
    seconds: int
    weights: frozenset[int]
    """The bytes an answer may weigh with its head, as found by the probe."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of wrk measured.  Latencies are in milliseconds."""

    requests: int
    bytes: int
    seconds: float
    p50: float
    p99: float
    is_client_busy: bool
    """wrk had no time left: the server could have done more."""


def version() -> str | None:
    """Return the version of wrk, or None where it is not installed."""
    if shutil.which("wrk") is None:
        return None
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"wrk \S*?(\d+\.\d+\.\d+)", said)
    return found.group(1) if found else "of some version"


async def run(port: int, load: Load) -> Round:
    """Load the server on *port*, and raise `WrongAnswer` when a round proves nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".requests") as listed:
        for request in load.requests:
            fields = "".join(f"\t{name}: {value}" for name, value in request.headers)
            listed.write(f"{request.path}{fields}\n")
        listed.flush()
        return await asyncio.to_thread(_run, port, load, listed.name)


def _run(port: int, load: Load, listed: str) -> Round:
    status, size = load.requests[0].status, load.requests[0].size
    script = [str(status), str(size if size <= _LOOKED_INTO else -1), listed]
    before = _used()
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds}s", "-s", str(_SCRIPT)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/", "--", *script], capture_output=True, text=True, check=False
    )
    used = _used() - before
    line = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if line is None:
        raise WrongAnswer(f"wrk failed: {done.stdout} {done.stderr}")
    told = json.loads(line.group(1))
    judge(told, load)
    seconds = told["microseconds"] / 1e6
    milliseconds = told["p50"] / 1000, told["p99"] / 1000
    return Round(told["requests"], told["bytes"], seconds, *milliseconds, is_client_busy=used > _BUSY * seconds)


def judge(told: dict[str, int], load: Load) -> None:
    """Raise `WrongAnswer` unless every answer of the round was right, and their bytes add up."""
    if told["errors"] or told["wrong"]:
        raise WrongAnswer(f"{told['errors']} errors and {told['wrong']} wrong answers in {told['requests']}")
    if not told["requests"]:
        raise WrongAnswer("nothing was answered")
    # When time is up, each connection may have read a part of one more answer.
    least = told["requests"] * min(load.weights)
    most = (told["requests"] + load.connections) * max(load.weights)
    if not least <= told["bytes"] <= most:
        raise WrongAnswer(f"{told['requests']} answers weigh {told['bytes']}, not {least} to {most}")


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

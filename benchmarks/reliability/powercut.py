"""Power cuts at random moments of a busy service, on a real file system.

Run as a program, with the shim preloaded and nothing else running in it, so that it can fork.  What counts as
acknowledged is what was read before the cut began: an fsync that is under way may return while the volume goes down.
"""

import asyncio
import itertools
import json
import logging
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks.reliability import audit
from benchmarks.reliability.crew import program, workplace
from benchmarks.reliability.lives import Blow, now, restart
from benchmarks.reliability.plants import plant
from benchmarks.reliability.points import warm_up
from benchmarks.reliability.report import Report
from benchmarks.reliability.stage import Promise, Stage, on_stage
from benchmarks.reliability.volume import Volume, mounted

_USERS = ("ana", "ben", "cem")
_INTENTS = {"begun", "deleting"}
_SOONEST, _LATEST = 0.02, 0.5


def cut_power(*, cuts: int, seed: int, mistake: str | None = None) -> Report:
    """Run the instrument in a process of its own; raise `Missing` where volumes cannot be mounted."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-power-", dir=workplace()))
        volume = stack.enter_context(mounted(Path(folder)))
        arguments = (str(volume.image), str(volume.path), str(cuts), str(seed), mistake or "")
        process = stack.enter_context(program("benchmarks.reliability.powercut", folder, *arguments))
        said, _ = process.communicate()
    return Report(**json.loads(said))


def _work(volume: Volume, *, cuts: int, chance: random.Random, mistake: str | None) -> Report:
    report = Report(name="power cuts (ext4)", unit="cuts")
    acknowledged = 0
    started = time.perf_counter()
    for number in range(cuts):
        folder = volume.path / f"data{number}"
        (folder / "images").mkdir(parents=True)
        promises = _until_cut(volume, folder, chance, mistake)
        acknowledged += sum(promise.what not in _INTENTS for promise in promises)
        volume.remount()
        report.findings += _judged(folder, promises)
        report.tried += 1
        shutil.rmtree(folder)
    report.seconds = time.perf_counter() - started
    report.notes.append(f"{acknowledged:,} answers were read before a cut began")
    return report


def _judged(folder: Path, promises: list[Promise]) -> list[str]:
    try:
        problems = audit.as_left(folder, promises)
        problems += restart(folder, Blow(), mistake=None).problems
        return problems + audit.after_recovery(folder, promises)
    except (audit.Unsound, OSError) as error:
        return [f"{type(error).__name__}: {error}"]


def _until_cut(volume: Volume, folder: Path, chance: random.Random, mistake: str | None) -> list[Promise]:
    """Let the service work for a while, cut the power, and return what it had said by then."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _child(folder, theirs, mistake)
    os.close(theirs)
    heard = _hear(ours, chance.uniform(_SOONEST, _LATEST))
    volume.cut()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    late = b"".join(iter(lambda: os.read(ours, 1 << 16), b""))
    os.close(ours)
    cut_off, _, rest = late.partition(b"\n") if not heard.endswith(b"\n") else (b"", b"", late)
    # A deletion that was begun may have happened, whoever heard of it; that it was done counts only if it was heard.
    intents = [promise for promise in _promises(rest) if promise.what in _INTENTS]
    halved = [promise for promise in _promises(heard.rpartition(b"\n")[2] + cut_off) if promise.what in _INTENTS]
    return _promises(heard.rpartition(b"\n")[0]) + halved + intents


def _hear(descriptor: int, seconds: float) -> bytes:
    """Return what is said within *seconds* of the first word."""
    text = os.read(descriptor, 1 << 16)
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            text += os.read(descriptor, 1 << 16)
    return text


def _promises(text: bytes) -> list[Promise]:
    return [Promise(**json.loads(line)) for line in text.splitlines() if line]


def _child(folder: Path, out: int, mistake: str | None) -> None:
    """Never returns."""
    try:
        logging.disable()  # when the volume goes, everything complains
        plant(mistake)
        asyncio.run(_busy(folder, out))
    finally:
        os._exit(1)


async def _busy(folder: Path, out: int) -> None:
    async with on_stage(folder, now(), lambda promise: promise.send(out)) as stage:
        await asyncio.gather(*(_use(stage, user) for user in _USERS))


async def _use(stage: Stage, user: str) -> None:
    for number in itertools.count():
        await stage.keep(user, f"image{number}")
        if number % 3 == 2:
            await stage.remove(user, f"image{number - 1}")


def main(image: str, path: str, cuts: str, seed: str, mistake: str) -> None:
    # Not on the volume: what is forked inherits what is open.
    with tempfile.TemporaryDirectory(dir=Path(image).parent) as folder:
        warm_up(Path(folder))
    volume = Volume(Path(image), Path(path))
    report = _work(volume, cuts=int(cuts), chance=random.Random(int(seed)), mistake=mistake or None)
    sys.stdout.write(json.dumps(asdict(report)))


if __name__ == "__main__":
    main(*sys.argv[1:])

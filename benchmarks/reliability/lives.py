"""Two lives of the service over one folder, each in a forked process: one under the instrument, one after it."""

import asyncio
import errno
import json
import logging
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.domain.errors import AppError, Overloaded, StorageFull, StorageUnavailable
from benchmarks.reliability import audit
from benchmarks.reliability.plants import plant
from benchmarks.reliability.scenarios import Scenario
from benchmarks.reliability.shim import CHANGES, Action, Kind, Shim
from benchmarks.reliability.stage import Promise, Stage, Step, on_stage
from devkit.clock import FakeClock

_LONGEST_SECONDS = 60.0
_FAULTED_SECONDS = 0.15
_REFUSALS = (StorageFull, StorageUnavailable, Overloaded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """What the instrument does: *action* at the *nth* call of *kinds*; a failing one fails with *error*."""

    action: Action = Action.NOTHING
    nth: int = 0
    kinds: Kind = CHANGES
    error: int = errno.EIO

    @property
    def is_fault(self) -> bool:
        return self.action in {Action.FAIL_ONCE, Action.FAIL_ON}


@dataclass(slots=True)
class Life:
    """What came out of a forked life.  *calls* is None when it died before its end."""

    promises: list[Promise] = field(default_factory=list)
    struck: str | None = None
    calls: int | None = None
    problems: list[str] = field(default_factory=list)


def live(folder: Path, scenario: Scenario, blow: Blow, *, mistake: str | None, steps: tuple[Step, ...]) -> Life:
    """Run *steps* in a fresh process, under *blow*."""
    return _forked(lambda out: _live(folder, scenario, blow, steps, out), mistake)


def restart(folder: Path, blow: Blow, *, mistake: str | None) -> Life:
    """Start once more two hours later, come to rest and recover again; *blow* strikes from the start."""
    return _forked(lambda out: _restart(folder, blow, out), mistake)


def now() -> FakeClock:
    return FakeClock(datetime.now(UTC))


async def _live(folder: Path, scenario: Scenario, blow: Blow, steps: tuple[Step, ...], out: int) -> None:
    shim = Shim()
    shim.watch(folder)
    arm = _armer(shim, blow, out)
    if scenario.from_start:
        arm()

    def tell(promise: Promise) -> None:
        replace(promise, failed_syncs=shim.failed_syncs).send(out)

    try:
        async with on_stage(folder, now(), tell) as stage:
            if not scenario.from_start:
                arm()
            for step in steps:
                await (_despite_faults(step, stage, shim, blow, out) if blow.is_fault else step(stage))
            if not scenario.from_start:
                _send(out, calls=shim.seen)
                shim.disarm()
    except AppError as refusal:
        _judge_refusal(refusal, blow, out)
    _send(out, calls=shim.seen)


async def _despite_faults(step: Step, stage: Stage, shim: Shim, blow: Blow, out: int) -> None:
    """Run *step* while calls fail; then lift the fault, and run it until it succeeds."""
    faulted = replace(stage, wait=_FAULTED_SECONDS)
    with _hurrying(stage):
        try:
            async with asyncio.timeout(_FAULTED_SECONDS * 1.5):
                await step(faulted)
        except AppError as refusal:
            _judge_refusal(refusal, blow, out)
        except TimeoutError:
            pass
        if shim.failed:
            _send(out, calls=shim.seen)
            shim.disarm()
            await step(stage)


def _judge_refusal(refusal: AppError, blow: Blow, out: int) -> None:
    if not blow.is_fault:
        _send(out, problem=f"refused without a fault: {refusal.code}: {refusal.detail}")
    elif not isinstance(refusal, _REFUSALS):
        _send(out, problem=f"a failing disk was answered as {refusal.code}: {refusal.detail}")


async def _restart(folder: Path, blow: Blow, out: int) -> None:
    shim = Shim()
    shim.watch(folder)
    arm = _armer(shim, blow, out)
    arm()
    clock = FakeClock(datetime.now(UTC) + timedelta(hours=2))

    def look() -> None:
        for problem in audit.staging(folder):
            _send(out, problem=problem)

    async with on_stage(folder, clock, lambda _: None, opened_first=look) as stage:
        await stage.settled()
        await stage.graph.retention.finish_unlinks()
        again = await stage.graph.recovery.recover()
        for finding, key in again.findings:
            _send(out, problem=f"recovery, run again, still finds {finding}: {key}")
    _send(out, calls=shim.seen)


def _armer(shim: Shim, blow: Blow, out: int) -> Callable[[], None]:
    return lambda: shim.arm(blow.action, kinds=blow.kinds, nth=blow.nth, error=blow.error, note_to=out)


@contextmanager
def _hurrying(stage: Stage) -> Iterator[None]:
    async def hurry() -> None:
        while True:
            await asyncio.sleep(0.01)
            stage.hurry()

    task = asyncio.create_task(hurry())
    try:
        yield
    finally:
        task.cancel()


def _forked(work: Callable[[int], Any], mistake: str | None) -> Life:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        _child(work, theirs, mistake)
    os.close(theirs)
    return _read(ours, child)


def _child(work: Callable[[int], Any], out: int, mistake: str | None) -> None:
    """Never returns."""
    try:
        logging.basicConfig(level=logging.ERROR, handlers=[_Ear(out)], force=True)
        plant(mistake)
        asyncio.run(work(out))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the result
        _send(out, problem=f"ended by {type(error).__name__}: {error}"[:500])
    finally:
        os._exit(0)


class _Ear(logging.Handler):
    """Hears of errors that nobody foresaw: a failing disk is no excuse for one."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, AppError):
            _send(self._out, problem=f"{record.getMessage()}: {type(error).__name__}: {error}"[:500])


def _send(out: int, **what: Any) -> None:
    os.write(out, json.dumps(what).encode() + b"\n")


def _read(descriptor: int, child: int) -> Life:
    life, text, until = Life(), b"", time.monotonic() + _LONGEST_SECONDS
    while True:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            life.problems.append("it hung")
            os.kill(child, signal.SIGKILL)
            break
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            break
        text += chunk
    os.close(descriptor)
    os.waitpid(child, 0)
    for line in text.decode().splitlines():
        _take(life, line)
    return life


def _take(life: Life, line: str) -> None:
    if not line.startswith("{"):
        life.struck = line
        return
    said = json.loads(line)
    if "what" in said:
        life.promises.append(Promise(**said))
    elif "calls" in said:
        life.calls = said["calls"]
    else:
        life.problems.append(said["problem"])

"""One point: a blow in one life of the service, then a restart, and the judge's verdict.

Run as a program it is a fork server: it loads everything once, with the shim preloaded, and answers one JSON object
a line.  A fork costs milliseconds where a start costs a second.
"""

import asyncio
import gc
import json
import os
import shutil
import ssl
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reliability import audit
from benchmarks.reliability.lives import Blow, Life, live, now, restart
from benchmarks.reliability.scenarios import SCENARIOS, Scenario
from benchmarks.reliability.shim import Action, Kind
from benchmarks.reliability.stage import Promise, on_stage, sha256_of

_FACTS = {"stored", "deleted", "half said", "said", "forgotten"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """*blow* strikes in the first life, *second* in the restart after it."""

    scenario: str
    blow: Blow
    second: Blow = field(default_factory=Blow)
    mistake: str | None = None

    def __str__(self) -> str:
        return " then ".join(_words(blow) for blow in (self.blow, self.second) if blow.action) or "in peace"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """*calls* is how many calls the life under the blow made, when it lived to its end; *struck* names the call."""

    calls: int | None
    struck: str | None
    problems: list[str]
    seconds: float = 0.0
    second_calls: int | None = None


def _words(blow: Blow) -> str:
    error = f" with {os.strerror(blow.error)}" if blow.is_fault else ""
    return f"{blow.action.name.lower()} at call {blow.nth}{error}"


class Bench:
    """The folders scenarios begin with, each made once, and the points run over copies of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._templates: dict[str, tuple[Path, list[Promise]]] = {}

    def run(self, point: Point) -> Outcome:
        started = time.perf_counter()
        scenario = SCENARIOS[point.scenario]
        template, before = self._template(point.scenario, scenario)
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            outcome = _judged(Path(shutil.copytree(template, f"{folder}/data")), scenario, point, before)
        outcome.seconds = time.perf_counter() - started
        return outcome

    def _template(self, name: str, scenario: Scenario) -> tuple[Path, list[Promise]]:
        if name not in self._templates:
            folder = self._folder / name
            (folder / "images").mkdir(parents=True)
            promises: list[Promise] = []
            if scenario.before:
                life = live(folder, Scenario(), Blow(), mistake=None, steps=scenario.before)
                if life.problems or life.calls is None:
                    raise RuntimeError(f"{name} cannot be prepared: {life.problems}")
                promises = life.promises
            scenario.mess(folder)
            self._templates[name] = folder, promises
        return self._templates[name]


def _judged(folder: Path, scenario: Scenario, point: Point, before: list[Promise]) -> Outcome:
    life = live(folder, scenario, point.blow, mistake=point.mistake, steps=scenario.steps)
    outcome = Outcome(calls=life.calls, struck=life.struck, problems=life.problems)
    outcome.problems += _false_success(point.blow, life, before)
    try:
        outcome.problems += audit.as_left(folder, before + life.promises, ruined=scenario.ruined)
        if point.second.action:
            second = restart(folder, point.second, mistake=point.mistake)
            outcome.second_calls = second.calls
        outcome.problems += restart(folder, Blow(), mistake=point.mistake).problems
        outcome.problems += audit.after_recovery(
            folder,
            before + life.promises,
            strangers=[sha256_of(seed) for seed in scenario.strangers],
            ruined=scenario.ruined,
        )
    except (audit.Unsound, OSError) as error:
        outcome.problems.append(f"{type(error).__name__}: {error}")
    return outcome


def _false_success(blow: Blow, life: Life, before: list[Promise]) -> list[str]:
    """While every call fails, nothing new that is said after a failed fsync can be true."""
    if blow.action is not Action.FAIL_ON:
        return []
    # What is only promised is told beside captures already at work, whose fsync may have failed meanwhile; whether it
    # was true shows after recovery.  What was so before may be said again without a write.
    kept = {(promise.user, promise.image, promise.what) for promise in before}
    said = [promise for promise in life.promises if promise.what in _FACTS and promise.failed_syncs]
    lies = [promise for promise in said if (promise.user, promise.image, promise.what) not in kept]
    return [f"{lie.user}/{lie.image}: {lie.what}, after {lie.failed_syncs} failed fsyncs" for lie in lies]


def parse(line: str) -> Point:
    """Return the point that `json.dumps(asdict(point))` describes."""
    given: dict[str, Any] = json.loads(line)
    return Point(
        scenario=given["scenario"],
        blow=_blow(given["blow"]),
        second=_blow(given["second"]),
        mistake=given["mistake"],
    )


def _blow(given: dict[str, Any]) -> Blow:
    return Blow(action=Action(given["action"]), nth=given["nth"], kinds=Kind(given["kinds"]), error=given["error"])


def warm_up(folder: Path) -> None:
    """Load what is loaded on first use, so that a fork has it."""
    context = ssl.create_default_context()
    ssl.create_default_context = lambda *_, **__: context

    async def once() -> None:
        async with on_stage(folder, now(), lambda _: None) as stage:
            await stage.keep("ana", "one")

    asyncio.run(once())
    gc.disable()  # the children are short-lived, and a collection would copy what they share with us
    gc.freeze()


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
        (Path(folder) / "warm/images").mkdir(parents=True)
        warm_up(Path(folder) / "warm")
        bench = Bench(Path(folder))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for line in sys.stdin:
            sys.stdout.write(json.dumps(asdict(bench.run(parse(line)))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

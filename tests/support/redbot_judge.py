"""REDbot as a process of its own, since its event loop is one for all: `python -m tests.support.redbot_judge`.

Reads a JSON list of requests from standard input, makes each with whatever REDbot asks on top of it, and prints what
it found.
"""

import asyncio
import json
import sys
from collections.abc import Iterable
from configparser import ConfigParser
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A request that REDbot is to make."""

    name: str
    path: str
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    body: str = ""
    status: int = 200
    """The status it should get, or the judge was shown something else than meant."""


@dataclass(frozen=True)
class Verdict:
    """What REDbot says of one answer: the names of its notes, by level."""

    status: int | None
    error: str | None
    notes: dict[str, list[str]] = field(default_factory=dict)

    def at(self, *levels: str) -> set[str]:
        return {note for level in levels for note in self.notes.get(level, ())}


async def judged(base: str, cases: Iterable[Case]) -> dict[str, Verdict]:
    """Return what REDbot finds in the answers of the service at *base*, by the name of the case."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.redbot_judge", base),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    asked = json.dumps([asdict(case) for case in cases]).encode()
    said, _ = await asyncio.wait_for(process.communicate(asked), 60)
    return {name: Verdict(**found) for name, found in json.loads(said).items()}


def main(base: str) -> None:
    import thor
    from redbot.resource import HttpResource

    settings = ConfigParser()
    settings.read_dict({"redbot": {"enable_local_access": "True"}})
    waiting: list[dict[str, Any]] = json.load(sys.stdin)
    found: dict[str, dict[str, Any]] = {}

    def judge_next() -> None:
        if not waiting:
            thor.stop()
            return
        case = waiting.pop(0)
        # Its own requests on top are variations of a plain GET.
        is_plain = case["method"] == "GET" and not case["fields"]
        resource = HttpResource(settings["redbot"], active_checks_enabled=is_plain)
        resource.set_request(base + case["path"], case["method"], list(case["fields"]), case["body"].encode())

        def done() -> None:
            found[case["name"]] = verdict(resource)
            thor.schedule(0, judge_next)

        resource.on("check_done", done)
        resource.check()

    judge_next()
    thor.run()
    json.dump(found, sys.stdout)


def verdict(resource: Any) -> dict[str, Any]:
    notes: dict[str, list[str]] = {}
    waiting = list(resource.response.notes)
    while waiting:
        note = waiting.pop()
        waiting += note.subnotes
        notes.setdefault(note.level.name, []).append(type(note).__name__)
    error = resource.fetch_error
    return {"status": resource.response.status_code, "error": error and str(error.desc), "notes": notes}


if __name__ == "__main__":
    main(sys.argv[1])

"""kill -9 of the whole service at random moments, over HTTP, beside the stand-in for Replicate; then it must converge.

What is judged in the end is what the app sees: every answer it ever got still holds, and every job the provider ran
has become its images, once.
"""

import asyncio
import base64
import hashlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from benchmarks.reliability import audit, server
from benchmarks.reliability.report import Report
from benchmarks.reliability.server import Server
from benchmarks.reliability.stage import Promise
from devkit.pictures import picture
from devkit.replicate import Behaviour, ReplicateStandIn

_USERS = ("ana", "ben", "cem")
_EARLIEST, _LATEST = 0.05, 1.5
_LONGEST_CONVERGENCE = 60.0


@dataclass(slots=True)
class Seen:
    """What the app was told: images by `user/id` with their SHA-256, deletions, and generations begun."""

    stored: dict[str, str] = field(default_factory=dict)
    doomed: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    generations: list[str] = field(default_factory=list)


async def kill(
    folder: Path,
    *,
    kills: int,
    chance: random.Random,
    mistake: str | None = None,
    patience: float = _LONGEST_CONVERGENCE,
) -> Report:
    """Kill and restart the service *kills* times while an app works it; it may take *patience* seconds to converge."""
    report = Report(name="kill -9 over HTTP", unit="kills")
    started = time.perf_counter()
    seen = Seen()
    # Models of half a second, so that kills come before, during and after a job.
    async with ReplicateStandIn(behaviour=Behaviour(processing=0.3, pictures=2)) as replicate:
        for number in range(kills):
            running = await _start(folder, replicate, mistake)
            await _until_killed(running, seen, chance, number)
            report.tried += 1
        running = await _start(folder, replicate, mistake)
        try:
            report.findings += await _converged(running, folder, replicate, patience)
            report.findings += await _served(running, seen)
        finally:
            if await running.stop():
                report.findings.append("it did not stop cleanly")
        report.findings += _audited(folder, seen)
        jobs = len(replicate.predictions)
    report.notes.append(f"{len(seen.stored)} images acknowledged, {len(seen.deleted)} deletions, {jobs} jobs")
    report.seconds = time.perf_counter() - started
    return report


async def _start(folder: Path, replicate: ReplicateStandIn, mistake: str | None) -> Server:
    return await server.start(
        folder,
        mistake=mistake,
        REPLICATE_BASE_URL=replicate.base_url,
        REPLICATE_API_TOKEN=replicate.token,
        ALLOW_PRIVATE_SOURCES="true",
        IMAGE_PER_USER_LIMIT="0",
    )


async def _until_killed(running: Server, seen: Seen, chance: random.Random, number: int) -> None:
    async with ClientSession(running.url, timeout=ClientTimeout(total=20)) as http:
        apps = [asyncio.create_task(_use(http, seen, user, f"{number}-{user}", chance)) for user in _USERS]
        await asyncio.sleep(chance.uniform(_EARLIEST, _LATEST))
        await running.kill()
        await asyncio.gather(*apps)


async def _use(http: ClientSession, seen: Seen, user: str, name: str, chance: random.Random) -> None:
    """Import, generate and delete until nobody answers any more."""
    turn = 0
    try:
        while True:
            turn += 1
            what = chance.choice((_import, _generate, _delete))
            await what(http, seen, user, f"{name}-{turn}")
    except (ClientError, TimeoutError):
        return


async def _import(http: ClientSession, seen: Seen, user: str, name: str) -> None:
    content = picture(name, width=8, height=8)
    url = "data:image/png;base64," + base64.b64encode(content).decode()
    async with http.post("/v1/images/import", json={"user_id": user, "image_id": name, "url": url}) as answer:
        if answer.status == 201:
            seen.stored[f"{user}/{name}"] = hashlib.sha256(content).hexdigest()


async def _generate(http: ClientSession, seen: Seen, user: str, name: str) -> None:
    body = {"user_id": user, "model": "acme/painter", "input": {"prompt": name}, "wait": len(name) % 2}
    headers = {"Idempotency-Key": name}
    async with http.post("/v1/images/generate", json=body, headers=headers) as answer:
        document = await answer.json()
        if answer.status in {200, 202}:
            seen.generations.append(document["generation_id"])
            for image in document["images"]:
                if image["status"] == "stored":
                    seen.stored[f"{user}/{image['id']}"] = image["sha256"]


async def _delete(http: ClientSession, seen: Seen, user: str, _: str) -> None:
    mine = [name for name in seen.stored if name.startswith(f"{user}/") and name not in seen.doomed]
    if not mine:
        return
    seen.doomed.add(mine[0])
    async with http.delete(f"/v1/images/hosted/{mine[0]}") as answer:
        if answer.status == 204:
            seen.deleted.add(mine[0])


async def _converged(running: Server, folder: Path, replicate: ReplicateStandIn, patience: float) -> list[str]:
    """Wait until every job of the provider has become its images; return what has not in time."""
    until = time.monotonic() + patience
    while (problems := _unfinished(folder, replicate)) and time.monotonic() < until:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.2)
    if running.process.returncode is not None:
        problems.append("the service ended by itself")
    return problems


def _unfinished(folder: Path, replicate: ReplicateStandIn) -> list[str]:
    rows = audit.outputs(folder)
    counted = Counter((job, index) for job, index, status in rows if status in {"stored", "deleted"})
    problems = [f"output {index} of a job is {status}" for _, index, status in rows if status not in _SETTLED]
    for prediction in replicate.predictions:
        for index in range(2):
            count = counted[prediction.id, index]
            if count != 1:
                problems.append(f"output {index} of a job has become {count} images")
    return problems


_SETTLED = {"stored", "deleted"}


async def _served(running: Server, seen: Seen) -> list[str]:
    problems = []
    async with ClientSession(running.url) as http:
        for name, sha256 in seen.stored.items():
            async with http.get(f"/v1/images/hosted/{name}") as answer:
                body = await answer.read()
            is_right = answer.status == 200 and hashlib.sha256(body).hexdigest() == sha256
            if name not in seen.doomed and not is_right:
                problems.append(f"an acknowledged image is answered with {answer.status}")
            if name in seen.deleted and answer.status != 410:
                problems.append(f"a deleted image is answered with {answer.status}")
        for generation in seen.generations:
            problems += await _ended(http, generation)
    return problems


async def _ended(http: ClientSession, generation: str) -> list[str]:
    async with http.get(f"/v1/generations/{generation}") as answer:
        state: dict[str, Any] = await answer.json()
    if answer.status != 200:
        return [f"a generation is answered with {answer.status}"]
    return [] if state["status"] == "succeeded" else [f"a generation is {state['status']}: {state.get('error')}"]


def _audited(folder: Path, seen: Seen) -> list[str]:
    promises = [_promise("stored", name, sha256) for name, sha256 in seen.stored.items()]
    promises += [_promise("deleting", name) for name in seen.doomed]
    promises += [_promise("deleted", name) for name in seen.deleted]
    return audit.after_recovery(folder, promises)


def _promise(what: str, name: str, sha256: str = "") -> Promise:
    user, _, image = name.partition("/")
    return Promise(what, user, image, sha256)

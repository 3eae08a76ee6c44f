"""The order of system calls of the real service, as strace sees it, against the answers it sends.

This alone shows a directory that is not synced: on ext4 the database's own fsync hides it from a power cut.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession

from benchmarks.reliability import server, syscalls
from benchmarks.reliability.missing import require
from benchmarks.reliability.report import Report
from benchmarks.reliability.syscalls import Call
from devkit.pictures import picture
from devkit.replicate import ReplicateStandIn

_LONGEST_END = 30.0


@dataclass(frozen=True, slots=True)
class Ack:
    """One answer the app got.  *is_deletion*: of an image that was there; else it says the image is stored."""

    file: str
    is_deletion: bool


async def check(folder: Path, *, images: int, mistake: str | None = None) -> Report:
    """Import, generate and delete *images* each way, one after the other, and judge every answer's trace."""
    require("strace")
    report = Report(name="order of calls (strace)", unit="answers")
    started = time.perf_counter()
    trace = folder / "trace"
    async with (
        ReplicateStandIn() as replicate,
        _traced(folder, trace, replicate, mistake) as url,
        ClientSession(url) as http,
    ):
        acks = await _work(http, images)
    await _finished(trace)
    calls = syscalls.read(trace)
    sent = [call for call in calls if call.answer is not None]
    if len(sent) != len(acks):
        report.findings.append(f"{len(acks)} answers were read and {len(sent)} are in the trace")
    before = 0
    for ack, answer in zip(acks, sent, strict=False):
        report.findings += judge(calls, ack, since=before, answer=answer, root=str(folder))
        report.tried += 1
        before = answer.begun
    report.seconds = time.perf_counter() - started
    return report


def judge(calls: Sequence[Call], ack: Ack, *, since: int, answer: Call, root: str) -> list[str]:
    """Return what was not yet durable when *answer* was sent, of the calls *since* the answer before it."""
    window = [call for call in calls if since < call.begun and call.begun < answer.begun]
    problems = _unsynced_log(window, answer.begun, f"{root}/holdfast.db-wal")
    found = _deletion(window, ack, root) if ack.is_deletion else _publication(window, ack, root)
    return [f"{ack.file}: {problem}" for problem in found + problems]


def _publication(window: Sequence[Call], ack: Ack, root: str) -> list[str]:
    final = f"{root}/images/{ack.file}"
    named = next((c for c in window if c.name.startswith(("link", "rename")) and c.path == final), None)
    if named is None:
        return ["it never got its name"]
    problems = [] if named.name.startswith("link") else [f"published by {named.name}, which replaces"]
    staged = named.texts[0]
    written = [c.done for c in window if c.is_write and c.path == staged]
    if not _synced(window, staged, after=max(written, default=0), before=named.begun):
        problems.append("the file had no fsync between its last write and its publication")
    folder = final.rpartition("/")[0]
    made = next((c for c in window if c.name.startswith("mkdir") and c.path == folder), None)
    if made is not None and not _synced(window, f"{root}/images", after=made.done, before=named.begun):
        problems.append("its owner's folder was made and not synced in its parent")
    synced = _synced(window, folder, after=named.done, before=_END)
    if not synced:
        return [*problems, "its directory had no fsync after the publication"]
    if not _committed(window, f"{root}/holdfast.db-wal", after=synced, before=_END):
        problems.append("no commit was synced between the directory's fsync and the answer")
    return problems


def _deletion(window: Sequence[Call], ack: Ack, root: str) -> list[str]:
    final, log = f"{root}/images/{ack.file}", f"{root}/holdfast.db-wal"
    gone = next((c for c in window if c.name.startswith("unlink") and c.path == final), None)
    if gone is None:
        return ["its file was not removed before the answer"]
    problems = []
    if not _committed(window, log, after=0, before=gone.begun):
        problems.append("its file was removed before the tombstone was committed")
    if not _synced(window, final.rpartition("/")[0], after=gone.done, before=_END):
        problems.append("its directory had no fsync after the removal")
    return problems


_END = 1 << 60


def _synced(window: Sequence[Call], path: str, *, after: int, before: int) -> int:
    """Return when *path* had been synced in that time; 0 when it was not."""
    return next((c.done for c in window if c.is_sync and c.path == path and after < c.begun and c.done < before), 0)


def _committed(window: Sequence[Call], log: str, *, after: int, before: int) -> bool:
    written = [c.done for c in window if c.is_write and c.path == log and after < c.begun and c.begun < before]
    return bool(written) and any(_synced(window, log, after=end, before=before) for end in written)


def _unsynced_log(window: Sequence[Call], now: int, log: str) -> list[str]:
    written = max((c.done for c in window if c.is_write and c.path == log), default=0)
    if written and not _synced(window, log, after=written, before=now):
        return ["the answer was sent with writes of the log not synced"]
    return []


@asynccontextmanager
async def _traced(folder: Path, trace: Path, replicate: ReplicateStandIn, mistake: str | None) -> AsyncIterator[str]:
    # -D: strace is the grandchild, so that the process we start, and stop, is the service.
    strace = ("strace", "-D", "-f", "-y", "-s", "200", "-e", f"trace={syscalls.TRACED}", "-o", str(trace))
    running = await server.start(
        folder,
        under=strace,
        mistake=mistake,
        REPLICATE_BASE_URL=replicate.base_url,
        REPLICATE_API_TOKEN=replicate.token,
        ALLOW_PRIVATE_SOURCES="true",
    )
    try:
        yield running.url
    finally:
        await running.stop()


async def _work(http: ClientSession, images: int) -> list[Ack]:
    acks = []
    for number in range(images):
        user = f"user{number % 3}"
        acks.append(Ack(await _import(http, user, f"image{number}"), is_deletion=False))
        acks.append(Ack(await _generate(http, user, number), is_deletion=False))
        file = acks[-1 - number % 2].file
        async with http.delete(f"/v1/images/hosted/{file.removesuffix('.png')}") as answer:
            answer.raise_for_status()
        acks.append(Ack(file, is_deletion=True))
    return acks


async def _import(http: ClientSession, user: str, image: str) -> str:
    url = "data:image/png;base64," + base64.b64encode(picture(image, width=8, height=8)).decode()
    async with http.post("/v1/images/import", json={"user_id": user, "image_id": image, "url": url}) as answer:
        if answer.status != 201:
            raise RuntimeError(f"not stored: {await answer.text()}")
        return f"{user}/{image}.png"


async def _generate(http: ClientSession, user: str, number: int) -> str:
    body = {"user_id": user, "model": "acme/painter", "input": {"prompt": str(number)}}
    async with http.post("/v1/images/generate", json=body) as answer:
        document = await answer.json()
        if document.get("status") != "stored":
            raise RuntimeError(f"not stored: {document}")
        return f"{user}/{document['id']}.png"


async def _finished(trace: Path) -> None:
    """Wait until strace has written its last line."""
    async with asyncio.timeout(_LONGEST_END):
        size = -1
        while size != (size := await asyncio.to_thread(_size, trace)):  # noqa: ASYNC110 - strace wakes nobody
            await asyncio.sleep(0.1)


def _size(path: Path) -> int:
    return path.stat().st_size

"""What the app does while things go wrong.  Each step can be repeated: an app that heard nothing asks again."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from app.domain.generations import Generation, Job, JobStatus
from app.domain.ids import GenerationId, ImageId, UserId
from benchmarks.reliability import talking
from benchmarks.reliability.stage import Promise, Stage, Step, bytes_of, sha256_of, uri_of

_GENERATION = GenerationId("gen_00000000000000000000000000")
_OUTPUTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """*before* is done in peace, *mess* to the folder after it, *steps* under the instrument.

    *from_start*: the instrument begins with the start of the service, else after it.  *strangers*: bytes the mess
    puts there, which must still lie somewhere at the end.  *ruined*: images the mess has spoilt.
    """

    steps: tuple[Step, ...] = ()
    before: tuple[Step, ...] = ()
    mess: Callable[[Path], None] = lambda _: None
    from_start: bool = False
    strangers: tuple[str, ...] = ()
    ruined: frozenset[str] = frozenset()


def keep(user: str, image: str, *, seed: str | None = None) -> Step:
    return lambda stage: stage.keep(user, image, seed=seed)


def remove(user: str, image: str) -> Step:
    return lambda stage: stage.remove(user, image)


async def outputs(stage: Stage) -> None:
    """A provider's job has ended: its outputs are registered, which is the promise to host them."""
    now = stage.clock()
    generation = Generation(
        id=_GENERATION,
        user=UserId("ana"),
        provider="replicate",
        status=JobStatus.STARTING,
        created_at=now,
        first_image=ImageId("out0"),
        job_id="job",
    )
    job = Job(
        provider="replicate",
        id="job",
        status=JobStatus.SUCCEEDED,
        outputs=tuple(uri_of(bytes_of(f"output {index}")) for index in range(_OUTPUTS)),
        completed_at=now,
        outputs_expire_at=now + timedelta(hours=1),
    )
    known = await stage.graph.adapters.generations.begin(generation)
    await stage.graph.jobs.observe(known, job)
    for index, image in enumerate(await stage.graph.adapters.generations.images(known.id)):
        stage.tell(Promise("promised", "ana", str(image.id), sha256_of(f"output {index}")))
    await stage.settled(hurry=False)


async def sweep(stage: Stage) -> None:
    """Ninety days later the images are too old."""
    retention = stage.graph.retention
    stage.clock.advance(timedelta(days=91).total_seconds())
    for removal in (await retention.plan()).removals:
        stage.tell(Promise("deleting", str(removal.image.user), str(removal.image.id)))
    report = await retention.sweep(confirm_clock=True)
    if not report.failed and report.skipped is None and (await retention.plan()).removals:
        raise RuntimeError(f"not all was swept: {report}")


async def erase(stage: Stage) -> None:
    for image in ("one", "two"):
        stage.tell(Promise("deleting", "ana", image))
    await stage.graph.erasing.erase(UserId("ana"))
    for image in ("one", "two"):
        stage.tell(Promise("deleted", "ana", image))


def occupy(folder: Path) -> None:
    """Other bytes already lie where an image is about to be published."""
    (folder / "images/ana").mkdir(exist_ok=True)
    (folder / "images/ana/new.png").write_bytes(bytes_of("a stranger"))


def jumble(folder: Path) -> None:
    """A volume after a bad night: one of everything recovery knows, and the staging of a process that died."""
    images = folder / "images"
    (images / "ana/lost.png").unlink()
    (images / "ana/short.png").write_bytes(b"short")
    (images / "ana/orphan.png").write_bytes(bytes_of("an orphan"))
    (images / "ana/gone.png").write_bytes(bytes_of("ana/gone"))
    (images / "ben").mkdir()
    (images / "ben/orphan.png").write_bytes(bytes_of("another orphan"))
    (images / ".staging/0123").write_bytes(b"half a pict")
    long_ago = time.time() - 7 * 24 * 3600
    for path in images.rglob("*.png"):
        os.utime(path, (long_ago, long_ago))


SCENARIOS: dict[str, Scenario] = {
    "start": Scenario(steps=(keep("ana", "one"),), from_start=True),
    "ingest": Scenario(before=(keep("ana", "one"),), steps=(keep("ana", "two"), keep("ben", "one"))),
    "again": Scenario(before=(keep("ana", "one"),), steps=(keep("ana", "one"), keep("ana", "one"))),
    "outputs": Scenario(before=(keep("ana", "one"),), steps=(outputs,)),
    "delete": Scenario(
        before=(keep("ana", "one"), keep("ana", "two")), steps=(remove("ana", "one"), remove("ana", "one"))
    ),
    "erase": Scenario(before=(keep("ana", "one"), keep("ana", "two")), steps=(erase,)),
    "sweep": Scenario(before=(keep("ana", "one"), keep("ana", "two"), keep("ben", "one")), steps=(sweep,)),
    "chat": Scenario(
        before=(
            *(talking.show(name) for name in ("old", "both", "new")),
            talking.ask(1, session=1, pictures=("old", "both")),
            talking.hear_out(1, session=1),
        ),
        steps=(
            talking.ask(2, session=2, pictures=("new", "both")),
            talking.hear_out(2, session=2),
            talking.ask(3, session=2),
            talking.forget(session=1),
        ),
    ),
    "collision": Scenario(
        before=(keep("ben", "one"),), mess=occupy, steps=(keep("ana", "new"),), strangers=("a stranger",)
    ),
    "recovery": Scenario(
        before=(
            *(keep("ana", name) for name in ("one", "two", "lost", "short", "gone")),
            remove("ana", "gone"),
        ),
        mess=jumble,
        from_start=True,
        strangers=("an orphan", "another orphan"),
        ruined=frozenset({"ana/lost", "ana/short"}),
    ),
}

"""How long a start takes over a full store: `python -m benchmarks.recovery [--images N]`.

The store is made directly, rows and small files, for going through the service would take half an hour.  Each start is
the whole process: from its command to the first 200 of `/readyz`.  Cold means that the kernel's caches were dropped.
"""

import argparse
import asyncio
import hashlib
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import ClientSession

from app.adapters.catalog.migrate import migrate
from app.config import Settings
from app.wiring import wired
from devkit.service import service_process

_EACH = 50
"""Images of one owner: as many as the default limit leaves."""
_ROUNDS = 3
_COLUMNS = (
    "user_id",
    "id",
    "url_extension",
    "status",
    "source",
    "created_at",
    "hosted_at",
    "content_type",
    "extension",
    "width",
    "height",
    "frames",
    "size_bytes",
    "sha256",
    "source_key",
    "fingerprint",
    "metadata",
)


async def fill(folder: Path, images: int) -> None:
    """Make a store of *images* in *folder* as if they had been stored now; none of its files is a picture."""
    await migrate(folder / "holdfast.db")
    await asyncio.to_thread(_write, folder, images)


def _write(folder: Path, images: int) -> None:
    root = folder / "images"
    root.mkdir()
    (root / ".holdfast-volume").touch()
    rows = f"INSERT INTO images ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 (our own words)
    captures = "INSERT INTO captures (user_id, image_id, state, created_at, attempts, next_attempt_at, token) VALUES "
    with closing(sqlite3.connect(folder / "holdfast.db")) as catalog, catalog:
        made = list(_made(root, images))
        catalog.executemany(rows, made)
        catalog.executemany(
            captures + "(?, ?, 'stored', ?, 1, ?, 1)", [(row[0], row[1], row[5], row[5]) for row in made]
        )


def _made(root: Path, images: int) -> Iterator[tuple[object, ...]]:
    now = int(datetime.now(UTC).timestamp() * 1_000_000)
    for number in range(images):
        user, image = f"user-{number // _EACH:05}", f"img_{number:026}"
        content = f"image {number}".encode()
        if number % _EACH == 0:
            (root / user).mkdir()
        (root / user / f"{image}.png").write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        seen = ("png", "stored", "imported", now, now, "image/png", "png", 8, 8, 1)
        yield (user, image, *seen, len(content), sha256, f"url:{sha256}", sha256, "{}")


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds by the clock, and seconds of work: the first depends on what else the machine does."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} s, CPU {self.cpu:.1f} s"


async def start_to_ready(folder: Path) -> Taken:
    """Start the service over *folder* and stop it when it is ready."""
    began = time.perf_counter()
    async with service_process(folder) as service, ClientSession(service.url) as http:
        answer = await http.get("/readyz")
        answer.raise_for_status()
        return Taken(time.perf_counter() - began, cpu_seconds(service.pid))


async def recover(folder: Path) -> Taken:
    """Compare catalog and files as a start does: names and sizes, both ways."""
    settings = Settings.from_env({"IMAGE_STORAGE_PATH": str(folder / "images"), "PORT": "0"}, dotenv=None)
    async with wired(settings) as holdfast:
        began, worked = time.perf_counter(), time.process_time()
        report = await holdfast.graph.recovery.recover()
        taken = Taken(time.perf_counter() - began, time.process_time() - worked)
    if not report.is_clean:
        raise RuntimeError("the store is not as it was made")
    return taken


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget_caches() -> bool:
    """Have the kernel forget what it has read; False where that is not ours to say."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    except OSError:
        return False
    return True


async def measure(folder: Path, images: int) -> None:
    began = time.perf_counter()
    await fill(folder, images)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{images:,} images of {images // _EACH:,} owners, made in {time.perf_counter() - began:.1f} s\n")
    print("| over a full store | cold | warm |\n| --- | --- | --- |")
    for name, run in (("start to ready", start_to_ready), ("of this, catalog against files", recover)):
        cold = str(await run(folder)) if forget_caches() else "-"
        warm = sorted([await run(folder) for _ in range(_ROUNDS)], key=lambda taken: taken.wall)[_ROUNDS // 2]
        print(f"| {name} | {cold} | {warm} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--below", type=Path, default=None, help="a folder on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-recovery-", dir=options.below) as folder:
        asyncio.run(measure(Path(folder), options.images))


if __name__ == "__main__":
    main()

"""An in-memory catalog and a folder of real files, for retention; and builders for the boring fields."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from app.domain.clock_guard import Sighting
from app.domain.ids import ImageId, UserId
from app.domain.images import Digest, Image, ImageFacts, ImageSource, ImageStatus, Usage
from app.domain.ports import Space
from app.domain.retention import Policy, StoredImage
from app.services.retention import RetentionService

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
ANA = UserId("ana")
BEN = UserId("ben")
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def a_policy(**changes: Any) -> Policy:
    """Return a policy with every rule off, and nothing too young to go, but for *changes*."""
    off = Policy(
        max_age=None,
        per_user_limit=None,
        min_age=timedelta(),
        store_limit=None,
        high_water=0.9,
        low_water=0.8,
        max_removals=1_000_000,
    )
    return replace(off, **changes)


def a_stored(
    name: str,
    *,
    owner: UserId = ANA,
    age: timedelta = 10 * DAY,
    unused: timedelta | None = None,
    size: int = 100,
    source: ImageSource = ImageSource.GENERATED,
) -> StoredImage:
    """Return an image hosted *age* ago and last used *unused* ago (else never)."""
    return StoredImage(
        user=owner,
        id=ImageId(name),
        source=source,
        size=size,
        hosted_at=NOW - age,
        last_used_at=NOW - (age if unused is None else unused),
    )


class MemoryCatalog:
    """The parts of `ImageCatalog` that retention uses, and `RetentionCatalog`, in one dict each."""

    def __init__(self) -> None:
        self.rows: dict[tuple[UserId, ImageId], Image] = {}
        self.owed: set[tuple[UserId, ImageId]] = set()
        self.seen: Sighting | None = None
        self.leases: dict[str, tuple[str, datetime]] = {}

    def add(self, image: StoredImage) -> Image:
        row = Image(
            user=image.user,
            id=image.id,
            url_extension="png",
            status=ImageStatus.STORED,
            source=image.source,
            created_at=image.hosted_at,
            facts=ImageFacts(content_type="image/png", extension="png", width=1, height=1, frames=1, thumbhash=""),
            digest=Digest(size=image.size, sha256="0" * 64),
            hosted_at=image.hosted_at,
            accessed_at=None if image.last_used_at == image.hosted_at else image.last_used_at,
        )
        self.rows[image.user, image.id] = row
        return row

    def names(self, status: ImageStatus = ImageStatus.STORED) -> set[str]:
        return {str(row.id) for row in self.rows.values() if row.status is status}

    def read(self, user: UserId, image: ImageId, at: datetime) -> None:
        self.rows[user, image] = replace(self.rows[user, image], accessed_at=at)

    def bury(self, user: UserId, image: ImageId, *, reason: str = "deleted", at: datetime = NOW) -> Image | None:
        before = self.rows.get((user, image))
        if before is None or before.status is ImageStatus.DELETED:
            return None
        self.rows[user, image] = replace(
            before, status=ImageStatus.DELETED, reason=reason, ended_at=at, digest=None, accessed_at=None
        )
        self.owed.add((user, image))
        return before

    async def find(self, user: UserId, image: ImageId) -> Image | None:
        return self.rows.get((user, image))

    async def usage(self, user: UserId) -> Usage:
        sizes = [image.size async for image in self.stored(user)]
        return Usage(images=len(sizes), size=sum(sizes), capturing=0)

    async def mark_deleted(self, user: UserId, image: ImageId, *, reason: str, at: datetime) -> Image | None:
        return self.bury(user, image, reason=reason, at=at)

    async def mark_unlinked(self, user: UserId, image: ImageId) -> None:
        self.owed.discard((user, image))

    async def owed_unlinks(self, limit: int) -> list[Image]:
        return [self.rows[key] for key in sorted(self.owed)[:limit]]

    async def stored(self, user: UserId | None) -> AsyncIterator[StoredImage]:
        for row in list(self.rows.values()):
            if row.status is ImageStatus.STORED and user in (None, row.user) and row.digest and row.hosted_at:
                yield StoredImage(
                    user=row.user,
                    id=row.id,
                    source=row.source,
                    size=row.digest.size,
                    hosted_at=row.hosted_at,
                    last_used_at=row.accessed_at or row.hosted_at,
                )

    async def newest(self) -> datetime | None:
        return max([image.hosted_at async for image in self.stored(None)], default=None)

    async def oldest(self, user: UserId) -> datetime | None:
        return min([image.hosted_at async for image in self.stored(user)], default=None)

    async def last_sweep(self) -> Sighting | None:
        return self.seen

    async def record_sweep(self, seen: Sighting) -> None:
        self.seen = seen

    async def try_lock(self, name: str, *, owner: str, until: datetime, now: datetime) -> bool:
        holder, end = self.leases.get(name, (owner, now))
        if holder != owner and now < end <= until + (until - now):
            return False
        self.leases[name] = (owner, until)
        return True

    async def unlock(self, name: str, *, owner: str) -> None:
        if self.leases.get(name, ("", None))[0] == owner:
            del self.leases[name]


class FolderBlobs:
    """The parts of `BlobStore` that retention uses, over real files.

    *before_delete* is told of each key first, and may raise; *others* is what else lies on the volume.
    """

    def __init__(self, root: Path, *, total: int = 1_000_000, others: int = 0) -> None:
        self.root = root
        self.total = total
        self.others = others
        self.before_delete: Callable[[str], None] = lambda _: None

    def put(self, image: Image) -> Path:
        path = self.root / image.key
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * (image.digest.size if image.digest else 1))
        return path

    def names(self) -> set[str]:
        return {path.stem for path in self.root.rglob("*.png")}

    async def delete(self, key: str) -> None:
        self.before_delete(key)
        (self.root / key).unlink(missing_ok=True)

    async def space(self) -> Space:
        used = self.others + sum(path.stat().st_size for path in self.root.rglob("*.png"))
        return Space(total=self.total, free=self.total - used)


class HandClocks:
    """A wall clock and a monotonic clock, moved by hand; the wall clock can also be set wrong."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self.ticks = 1000.0
        self.pauses: list[float] = []

    def clock(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.ticks

    def advance(self, span: timedelta) -> None:
        self.now += span
        self.ticks += span.total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.advance(timedelta(seconds=seconds))


class Bench:
    """One deployment: a catalog, a folder and the clocks, and as many processes as are asked for."""

    def __init__(self, root: Path) -> None:
        self.catalog = MemoryCatalog()
        self.blobs = FolderBlobs(root)
        self.clocks = HandClocks()
        self._tokens = count()

    def host(self, *images: StoredImage) -> None:
        """Put images into catalog and store, as if a sweep had seen the clock a day ago."""
        self.catalog.seen = Sighting(NOW - DAY, is_suspect=False)
        for image in images:
            self.blobs.put(self.catalog.add(image))

    def process(self, **policy: Any) -> RetentionService:
        """Start a process whose policy is off but for *policy*."""
        return RetentionService(
            catalog=self.catalog,
            images=self.catalog,
            blobs=self.blobs,
            policy=a_policy(**policy),
            clock=self.clocks.clock,
            monotonic=self.clocks.monotonic,
            new_token=lambda: f"token-{next(self._tokens)}",
            pace=timedelta(seconds=0.5),
            sleep=self.clocks.sleep,
        )


def failing_on(key: str) -> Callable[[str], None]:
    """Return a `before_delete` that fails on every key that contains *key*."""

    def fail(deleted: str) -> None:
        if key in deleted:
            raise OSError(5, "Input/output error")

    return fail

"""Brings catalog and files together again after whatever has happened, and tells whether they are.

Every step is idempotent and may be cut short: it looks at what is there, changes one thing durably, and goes on.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from app.domain.catalog import CaptureQueue, ImageCatalog
from app.domain.errors import NotFound, SourceRejected, StorageUnavailable
from app.domain.images import ImageFacts, ImageStatus, blob_key
from app.domain.ports import BlobStore, Clock, Inspector
from app.domain.recovery import (
    BlobEntry,
    BlobInventory,
    BlobName,
    Finding,
    KnownBlob,
    RecoveryCatalog,
    Slice,
    judge_stray,
    parse_key,
)

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Told how many stored images are checked, of how many."""

SCRUB_DAYS = 30

_ADOPTION_LEASE = timedelta(minutes=5)
_SUSPICIOUS_SHARE = 0.5
_SUSPICIOUS_COUNT = 10


@dataclass(slots=True, kw_only=True)
class RecoveryReport:
    """What was found, and how much of it was put right.  *images* counts stored images, *read* bytes."""

    images: int = 0
    read: int = 0
    findings: list[tuple[Finding, str]] = field(default_factory=list)
    repaired: int = 0

    @property
    def is_clean(self) -> bool:
        return len(self.findings) == self.repaired


async def refuse_unmounted(catalog: RecoveryCatalog, inventory: BlobInventory) -> None:
    """Raise `StorageUnavailable` when the catalog knows images and this is not the volume they lie on; writes nothing.

    Better not to start than to write beside the volume, or to take every image for lost.
    """
    if not await inventory.has_marker() and await catalog.count_stored():
        raise StorageUnavailable(
            "The catalog knows images, but the image folder was never used: is the volume mounted?"
        )


class RecoveryService:
    def __init__(
        self,
        *,
        catalog: RecoveryCatalog,
        images: ImageCatalog,
        queue: CaptureQueue,
        blobs: BlobStore,
        inventory: BlobInventory,
        inspector: Inspector,
        clock: Clock,
        owner: str,
    ) -> None:
        self._catalog = catalog
        self._images = images
        self._queue = queue
        self._blobs = blobs
        self._inventory = inventory
        self._inspector = inspector
        self._clock = clock
        self._owner = owner

    async def require_volume(self) -> None:
        """Raise as `refuse_unmounted` does; mark a new volume as ours."""
        await refuse_unmounted(self._catalog, self._inventory)
        if not await self._inventory.has_marker():
            await self._inventory.set_marker()

    async def recover(self) -> RecoveryReport:
        """Compare names and sizes and put right what differs, reading no image that is where it should be.

        Raise `StorageUnavailable` when so much is missing that the volume must be the wrong one.
        """
        return await self.verify(repair=True)

    async def verify(
        self, *, repair: bool = False, read: Slice | None = None, progress: Progress | None = None
    ) -> RecoveryReport:
        """Compare the catalog and the files both ways; with *read* also the bytes of that part of the store."""
        report = RecoveryReport()
        known = {blob.key: blob async for blob in self._catalog.known()}
        report.images = len(known)
        sizes = await self._strays(report, known, repair=repair)
        missing = [blob for key, blob in known.items() if key not in sizes]
        _require_plausible(missing, report.images)
        for blob in missing:
            await self._lose(report, blob, Finding.MISSING, repair=repair)
        for number, blob in enumerate(known.values()):
            if progress is not None:
                progress(number, report.images)
            if blob.key in sizes:
                await self._check(report, blob, sizes[blob.key], read, repair=repair)
        if report.findings:
            log.warning(
                "catalog and files disagreed", extra={"findings": _counted(report), "repaired": report.repaired}
            )
        return report

    async def scrub(self) -> RecoveryReport:
        """Read the day's part of the store and set aside what rotted: every byte is read once in `SCRUB_DAYS`."""
        return await self.verify(repair=True, read=Slice(self._clock().toordinal() % SCRUB_DAYS + 1, SCRUB_DAYS))

    async def _strays(self, report: RecoveryReport, known: dict[str, KnownBlob], *, repair: bool) -> dict[str, int]:
        """Settle the files that no stored row names; return the sizes of the others."""
        sizes: dict[str, int] = {}
        async for entry in self._inventory.entries():
            if entry.key in known:
                sizes[entry.key] = entry.size
            else:
                await self._settle_stray(report, entry, repair=repair)
        return sizes

    async def _settle_stray(self, report: RecoveryReport, entry: BlobEntry, *, repair: bool) -> None:
        name = parse_key(entry.key)
        image = await self._images.find(name.user, name.id) if name else None
        finding = judge_stray(image, entry, now=self._clock())
        if finding is None:
            return
        self._found(report, finding, entry.key)
        if not repair:
            return
        if finding is Finding.UNFINISHED and name is not None:
            await self._adopt(entry, name)
        elif finding is Finding.UNDELETED and name is not None:
            await self._blobs.delete(entry.key)
            await self._images.mark_unlinked(name.user, name.id)
        else:
            await self._inventory.set_aside(entry.key)
        report.repaired += 1

    async def _adopt(self, entry: BlobEntry, name: BlobName) -> None:
        """Take a published file for the image it was published for: its source may be gone by now."""
        until = self._clock() + _ADOPTION_LEASE
        capture = await self._catalog.claim_one(name.user, name.id, owner=self._owner, until=until)
        if capture is None:
            await self._inventory.set_aside(entry.key)
            return
        facts = await self._look_into(entry)
        if facts is None or blob_key(name.user, name.id, facts.extension) != entry.key:
            # Not what was published: its capture fetches it again.
            await self._inventory.set_aside(entry.key)
            await self._queue.release(capture, at=self._clock(), error="set aside")
            return
        digest = await self._inventory.digest(entry.key)
        await self._queue.settle_stored(capture, facts=facts, digest=digest, at=self._clock())
        log.info("image adopted", extra={"user_id": str(name.user), "image_id": str(name.id)})

    async def _look_into(self, entry: BlobEntry) -> ImageFacts | None:
        try:
            return await self._inspector.inspect(self._inventory.path(entry.key))
        except SourceRejected:
            return None

    async def _check(
        self, report: RecoveryReport, blob: KnownBlob, size: int, read: Slice | None, *, repair: bool
    ) -> None:
        if size != blob.size:
            await self._lose(report, blob, Finding.WRONG_SIZE, repair=repair)
        elif read is not None and read.takes(blob.key):
            try:
                digest = await self._inventory.digest(blob.key)
            except NotFound:
                return  # deleted since it was listed
            report.read += digest.size
            if digest.sha256 != blob.sha256:
                await self._lose(report, blob, Finding.ROTTEN, repair=repair)

    async def _lose(self, report: RecoveryReport, blob: KnownBlob, finding: Finding, *, repair: bool) -> None:
        image = await self._images.find(blob.user, blob.id)
        if image is None or image.status is not ImageStatus.STORED:
            return  # deleted since the catalog was read
        self._found(report, finding, blob.key)
        if repair:
            # Aside before lost: what is marked lost is never looked for again.
            await self._inventory.set_aside(blob.key)
            await self._catalog.mark_lost(blob.user, blob.id, reason=f"file_{finding}", at=self._clock())
            report.repaired += 1

    def _found(self, report: RecoveryReport, finding: Finding, key: str) -> None:
        is_harmless = finding in {Finding.UNFINISHED, Finding.UNDELETED}
        log.log(logging.INFO if is_harmless else logging.ERROR, "found %s", finding, extra={"key": key})
        report.findings.append((finding, key))


def _require_plausible(missing: list[KnownBlob], images: int) -> None:
    if len(missing) > max(_SUSPICIOUS_COUNT, _SUSPICIOUS_SHARE * images):
        raise StorageUnavailable(
            f"{len(missing)} of {images} images have no file: is this the right volume? Nothing was changed."
        )


def _counted(report: RecoveryReport) -> dict[str, int]:
    kinds = [finding.value for finding, _ in report.findings]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}

"""The catalog's ports: what must be remembered, and what must happen in one transaction.

Every change of an image appends to its owner's `changes` log in the same transaction, with a sequence number that
has no gaps.  Adapters keep state; which transition is wanted is decided by the services.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.captures import Backlog, Capture, Risk
from app.domain.generations import Generation, JobStatus
from app.domain.ids import GenerationId, ImageId, UserId
from app.domain.images import Digest, Image, ImageFacts, ImagePosition, ImageSource, NewImage, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A caller's `Idempotency-Key` and the digest of what it asked for with it."""

    key: str
    operation: str
    request_sha256: str


@dataclass(frozen=True, slots=True)
class Registered:
    """An image, and whether this call made it (False: the same source was known before)."""

    image: Image
    is_new: bool


class ImageCatalog(Protocol):
    """The images of all owners."""

    async def register(self, new: NewImage, *, idempotency_key: IdempotencyKey | None = None) -> Registered:
        """Record an image to capture, or find the one this source already has; one transaction.

        The same source is: the same source key, or the same fingerprint, of the same owner, not deleted; or a
        promised first image of the same job.  One that was rejected or lost is set to `capturing` again under its
        old id.  An idempotency key finds its image even if it was deleted since: repeating brings nothing back.
        Raise `ImageIdTaken` when *new.id* is another source's or a deleted image's, `IdempotencyKeyReused` when
        the key came with another request before.
        """

    async def add(self, image: Image, *, idempotency_key: IdempotencyKey | None = None) -> Registered:
        """Record an image whose bytes are published, as it is; one transaction.

        With an idempotency key that came before, return the image of that time, even if it was deleted since, and
        record nothing.  Raise `ImageIdTaken`, `IdempotencyKeyReused`, or `Conflict` when its owner was erased since
        it was created: *created_at* is when it began to arrive.
        """

    async def find(self, user: UserId, image: ImageId) -> Image | None: ...

    async def page(
        self,
        user: UserId,
        *,
        after: ImagePosition | None,
        limit: int,
        sources: Sequence[ImageSource] = (),
        since: datetime | None = None,
    ) -> list[Image]:
        """Return up to *limit* images that are not deleted, newest first, those after *after* only."""

    async def usage(self, user: UserId) -> Usage: ...

    async def mark_deleted(self, user: UserId, image: ImageId, *, reason: str, at: datetime) -> Image | None:
        """Turn an image into a tombstone and end its capture; its file is then owed an unlink.

        The tombstone says nothing of what the picture was, but for what its file is found by until it is unlinked.
        One of an import knows by hashes which output, or whose address, it was.
        Return the image as it was before, or None when there is none or it was deleted already.
        """

    async def mark_unlinked(self, user: UserId, image: ImageId) -> None:
        """Record that nothing of a deleted image is left in the blob store."""

    async def forget_owner(self, user: UserId, *, at: datetime) -> None:
        """Remove what is kept of an owner beside the images: generations, idempotency keys, traces on tombstones.

        A hash of the owner stays, with *at*: jobs from before then are not adopted any more, and what began to arrive
        or was asked before it is refused.
        """

    async def owed_unlinks(self, limit: int) -> list[Image]:
        """Return deleted images whose file may still be there."""

    async def touch(self, reads: Mapping[tuple[UserId, ImageId], datetime]) -> None:
        """Record when images were last read; a time earlier than the known one changes nothing."""


class Repetitions(Protocol):
    """What idempotency keys brought about, for requests whose work is not done in the catalog."""

    async def find(self, user: UserId, key: IdempotencyKey) -> str | None:
        """Return what the key made before; raise `IdempotencyKeyReused` when it came with another request."""

    async def remember(self, user: UserId, key: IdempotencyKey, resource: str, *, at: datetime) -> str:
        """Record what the key made; return that, or what another request with it has made meanwhile.

        Raise as `find` does.
        """


class CaptureQueue(Protocol):
    """The captures that are not settled, as a durable queue with leases."""

    async def claim(
        self, *, owner: str, now: datetime, lease: timedelta, limit: int, dying_by: datetime | None = None
    ) -> list[Capture]:
        """Take up to *limit* due captures that nobody holds, earliest deadline first.

        With *dying_by* only those whose source still lives, and dies by then.
        """

    async def renew(self, captures: Sequence[Capture], *, until: datetime) -> None:
        """Extend the leases of those captures that are still ours."""

    async def holds(self, capture: Capture) -> bool:
        """Whether *capture* is still ours, at this moment."""

    def holding(self, capture: Capture) -> AbstractAsyncContextManager[bool]:
        """Yield whether *capture* is still ours, and keep it from changing hands, or ending, until the block ends.

        The block must be short and ask nothing else of the catalog: it may hold up whoever writes.
        """

    async def release(self, capture: Capture, *, at: datetime, error: str) -> bool:
        """Give a capture back, to be tried again at *at*; False when it is no longer ours."""

    async def settle_stored(self, capture: Capture, *, facts: ImageFacts, digest: Digest, at: datetime) -> Image | None:
        """Mark its image stored; None when the capture is no longer ours or the image was deleted."""

    async def settle_failed(self, capture: Capture, *, is_lost: bool, reason: str, detail: str, at: datetime) -> bool:
        """Mark its image lost or rejected; False when the capture is no longer ours."""

    async def release_all(self, *, owner: str | None, now: datetime) -> int:
        """Give back what *owner* (None: anybody) holds, due at once; return how many."""

    async def backlog(self) -> Backlog: ...

    async def risk(self, *, by: datetime) -> Risk:
        """Measure the open captures; those are near whose deadline comes not after *by*."""


class GenerationCatalog(Protocol):
    """The generations and their outputs.  What changes a generation that was forgotten raises `NotFound`."""

    async def begin(self, generation: Generation, *, idempotency_key: IdempotencyKey | None = None) -> Generation:
        """Record the intent before the provider is called.

        Return the generation of an earlier call with the same idempotency key if there is one, or of the same
        owner, provider and job id; else *generation*.  Raise `IdempotencyKeyReused`.
        """

    async def adopt(self, generation: Generation, *, made_at: datetime | None) -> Generation | None:
        """Do as `begin` does, for a job that is only heard of; *made_at* is when its provider says it was created.

        None, recording nothing, when its owner was erased since then, or was ever and nobody knows when.
        """

    async def find(self, generation: GenerationId) -> Generation | None: ...

    async def mark_prepared(self, generation: GenerationId) -> bool:
        """Record that the provider is about to be called; False when the generation has ended, so that it is not."""

    async def find_job(self, provider: str, job_id: str) -> list[Generation]:
        """Return every owner's generation of that job."""

    async def update(
        self,
        generation: GenerationId,
        *,
        status: JobStatus,
        job_id: str | None,
        error: str | None = None,
        error_code: str | None = None,
        at: datetime,
    ) -> Generation:
        """Record what the provider says; a generation that has ended stays as it ended.

        It stays without a job id when another generation of its owner has that job already.
        When it ends without success, a first image that was promised and has no source becomes rejected with
        reason *error_code*.
        """

    async def forget(self, generation: GenerationId) -> None:
        """Remove an intent that certainly came to nothing, and its idempotency key; keep one that was promised."""

    async def release_key(self, generation: GenerationId) -> None:
        """Let the idempotency key of a generation begin another one."""

    async def promise(self, generation: GenerationId, *, at: datetime) -> Image | None:
        """Return the first image, fixing its URL: it exists as `capturing` from now on.

        None when the generation has ended and there is nothing to promise.  Where its owner has imported that
        output before, this is the import, even a deleted one.
        """

    async def add_outputs(self, generation: GenerationId, outputs: Sequence[NewImage]) -> list[Image]:
        """Record the outputs to capture, in one transaction; known ones are left as they are.

        An output fills the promise that was made for it, even a broken one; else it takes over the image its owner
        imported from the same source, and captures it again if that had failed; else it is what its owner imported
        and deleted, and stays that; else it is a new image.  Return all images of the generation in the order of
        their output index.
        """

    async def images(self, generation: GenerationId) -> list[Image]:
        """Return its images in the order of their output index, deleted ones included."""

    async def due(self, *, now: datetime, limit: int) -> list[Generation]:
        """Return open generations with a job id whose next poll is due."""

    async def postpone(self, generation: Generation, *, until: datetime) -> bool:
        """Set the next poll; False when somebody else has set it since it was read, or it has ended."""

    async def orphans(self, *, before: datetime) -> list[Generation]:
        """Return open generations without a job id that were begun before then."""

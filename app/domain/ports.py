"""What the services ask of the world.  Each promise is written for whoever implements it.

The catalog's ports are in `app.domain.catalog`; a fake that passes the contract tests is as good as the real thing.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from app.domain.generations import Job, Order
from app.domain.images import Digest, ImageFacts
from app.domain.variants import Rendering, Survey, VariantFacts, VariantKey

Clock = Callable[[], datetime]
"""The wall clock: aware, UTC."""

Monotonic = Callable[[], float]
"""Seconds on a clock that never jumps; only differences mean anything."""


class Staging(Protocol):
    """A nameless file that is being written, on the file system it will be published on."""

    @property
    def path(self) -> Path:
        """Where other programs can read what was written so far."""

    @property
    def size(self) -> int:
        """Bytes written so far."""

    async def write(self, chunk: bytes) -> None:
        """Append *chunk*, hashing on the way; raise `StorageFull` or `StorageUnavailable`."""

    async def restart(self) -> None:
        """Forget everything written so far."""

    async def seal(self) -> Digest:
        """Make what was written durable and return its size and hash.  Nothing can be written after."""


class Blob(Protocol):
    """An open, complete blob.  Its bytes stay readable even if it is deleted meanwhile."""

    @property
    def size(self) -> int: ...

    @property
    def file(self) -> BinaryIO | None:
        """The open file where the store is a local one: `sendfile` may read it.  Else None."""

    @property
    def path(self) -> Path | None:
        """The file's name where the store is a local one: while it leads to the same file, these are the bytes."""

    def chunks(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Yield the bytes from *start* up to, not including, *stop*."""

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """The volume, in bytes."""

    total: int
    free: int


class KeyTaken(Exception):
    """Other bytes lie where these were to go.  No caller ever sees this."""


class BlobStore(Protocol):
    """Bytes by key `<user>/<name>.<extension>`.  A blob is visible only once complete, and survives a restart."""

    def stage(self) -> AbstractAsyncContextManager[Staging]:
        """Begin a blob.  What was not published when the block ends is removed."""

    async def publish(self, staging: Staging, key: str, *, displace: bool = False) -> None:
        """Make a sealed *staging* visible under *key*, durably, never replacing other bytes.

        If the very same bytes already lie there this is a success; if other bytes do, `KeyTaken`.  With *displace*
        they are moved into quarantine first: only for whoever knows that no row names them, nor can meanwhile.
        """

    async def open(self, key: str) -> Blob:
        """Return the blob under *key*; raise `NotFound`."""

    async def delete(self, key: str) -> None:
        """Remove *key*, durably.  Removing what is not there is not an error."""

    async def probe(self) -> None:
        """Write, sync, read back and delete a small file; raise `StorageFull` or `StorageUnavailable`."""

    async def require_room(self, size: int) -> None:
        """Raise `StorageFull` unless *size* more bytes leave the reserve untouched."""

    async def space(self) -> Space: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An admitted source: an address that may be dialled, or a data URI that may be read."""

    text: str
    is_data: bool
    extension: str | None
    """The extension of the URL's path, if it is one we host."""
    fingerprint: str
    """SHA-256 of *text*, 64 lower-case hexadecimal characters."""


class Downloader(Protocol):
    """Fetches sources, and is the only thing that dials an address a stranger named."""

    def admit(self, text: str) -> Source:
        """Return *text* as a source without touching the network.

        Raise `InvalidInput` when it is no URL at all, `SourceNotAllowed` when its scheme, port or host is not
        allowed, `SourceRejected` when it is a data URI that is no base64 image.
        """

    async def fetch(self, source: Source, into: Staging) -> None:
        """Write all the bytes of *source* into *into*, or raise; seals nothing.

        `SourceNotAllowed`: an address or a redirect is not allowed.  `SourceGone`: 401, 403, 404 or 410.
        `SourceRejected`: too large, or an encoding or a type that cannot be an image.  `SourceUnavailable`:
        anything that may go better next time; `retry_after` is set where the source gave one.
        """

    async def aclose(self) -> None: ...


class Probe(Protocol):
    """Asks whether somebody else will find a picture at a URL; dials nothing that a downloader would not."""

    def require_allowed(self, url: str) -> None:
        """Raise `InvalidInput` when *url* is none, `SourceNotAllowed` when nothing may be sent there."""

    async def require_picture(self, url: str) -> None:
        """Raise unless *url* answers with a picture that is not too large; what was seen is believed for a while.

        As `require_allowed`, and as `Downloader.fetch` does; a name without an address is as one that is refused.
        """

    async def aclose(self) -> None: ...


class InputStorage(Protocol):
    """A provider's own place for inputs."""

    async def keep(self, content: bytes, *, content_type: str) -> str:
        """Return the URL at which the provider finds *content* from now on; raise as `Provider.create` does."""

    async def aclose(self) -> None: ...


class Inspector(Protocol):
    """Looks into bytes of unknown intent, off the event loop and out of this process."""

    async def inspect(self, path: Path) -> ImageFacts:
        """Decode the whole file at *path*.

        Raise `SourceRejected` when it is no complete image of an accepted format within the limits, or when
        decoding it crashed or hung; `Overloaded` when the queue is full.
        """

    async def survey(self, path: Path, copy: Rendering) -> Survey:
        """Do as `inspect` does, and make *copy* from the same decode.

        Without one if the picture is not wider than that, is animated, or whatever else makes it costly or fail.
        """

    async def aclose(self) -> None: ...


class Cleaner(Protocol):
    """Rewrites what people upload, off the event loop; like an inspector, it expects the worst of what it reads."""

    async def clean(self, path: Path, into: Staging) -> str:
        """Write the picture at *path* into *into* without metadata and without what follows its end; seals nothing.

        It shows the same pixels, in the same colours, the same way up.  What no browser shows becomes a PNG.  Return
        the content type of what came.  Raise `SourceRejected`, `Overloaded`, `StorageFull` or `StorageUnavailable`.
        """


class Renderer(Protocol):
    """Makes renderings, off the event loop and out of this process; inspections never wait for it."""

    async def render(self, path: Path, rendering: Rendering) -> bytes:
        """Return *rendering* of the picture at *path*: upright, in sRGB, without metadata.

        Raise `RenderingFailed` when decoding crashed or hung, `InvalidInput` when the result would be too large,
        `StorageUnavailable` when the file cannot be read, `Overloaded` when the queue is full.
        """

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant and its open bytes; whoever gets it closes the blob."""

    facts: VariantFacts
    blob: Blob


class VariantCache(Protocol):
    """Keeps variants for as long as there is room.  Everything in it may be gone at any time."""

    async def find(self, key: VariantKey) -> Variant | None:
        """Return a variant that is kept, whole; raise `StorageUnavailable`."""

    async def keep(self, key: VariantKey, facts: VariantFacts, content: bytes) -> None:
        """Keep a variant, others going for it if need be; it is seen whole or not at all.

        One that would not fit in alone is not kept.  Raise `StorageFull` or `StorageUnavailable`.
        """

    async def forget(self, blob: str) -> None:
        """Remove all variants of an original; having none is fine.  Raise `StorageUnavailable`."""

    async def sources(self) -> Sequence[str]:
        """Return the originals that variants are kept of, as keys of the blob store; remove what dead writers left."""


class Provider(Protocol):
    """A service that runs models."""

    @property
    def name(self) -> str: ...

    async def create(
        self, order: Order, *, wait: timedelta, cancel_after: timedelta | None, webhook: str | None
    ) -> Job:
        """Start a job and wait for it up to *wait*.  Never sent twice.

        `ProviderNotConfigured`, `ProviderCredit`, `ProviderThrottled` (with `retry_after`), `ProviderFailed`
        (refused: nothing was started), `ProviderUnreachable` (no connection: nothing was started) or
        `ProviderAnswerLost` (something may have been started).
        """

    async def get(self, job_id: str, *, model: str | None = None) -> Job:
        """Return the job of *model*; raise `NotFound`, `ProviderThrottled` or `ProviderUnreachable`.

        Some providers know a job only together with the model it was ordered from.
        """

    async def cancel(self, job_id: str, *, model: str | None = None) -> Job:
        """Ask the job to stop and return it; one that has ended stays as it is.  Raises as `get` does."""

    @property
    def keeps(self) -> timedelta:
        """How long what a job made can be had after its end."""

    @property
    def has_list(self) -> bool:
        """Whether `recent` can tell of a job that nobody has heard of yet."""

    def recent(self, since: datetime) -> AsyncIterator[Job]:
        """Yield the jobs created since then, newest first; none without a list.  Raise as `get` does."""

    def parse(self, document: Mapping[str, Any]) -> Job:
        """Return the job a document describes, as the API or a webhook sends it; raise `InvalidInput`."""

    async def aclose(self) -> None: ...


class RateLimiter(Protocol):
    """Counts requests by their kind (`reads`, `writes`) and by who sends them."""

    async def admit(self, kind: str, who: str) -> None:
        """Count one request; raise `RateLimited`, with `retry_after`, when it is one too many."""

    def admits(self, kind: str, who: str) -> bool:
        """Count one request at once; False, counting nothing, when it is one too many or nobody knows yet."""

"""An image: what is promised about it, what is known of it, and where its bytes lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.ids import GenerationId, ImageId, UserId

CONTENT_TYPES: Mapping[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "avif": "image/avif",
}
"""The formats we host, by the extensions a URL may carry.  A stored file uses `jpg`, never `jpeg`."""

DEFAULT_EXTENSION = "png"


class ImageStatus(StrEnum):
    CAPTURING = "capturing"
    STORED = "stored"
    REJECTED = "rejected"
    LOST = "lost"
    DELETED = "deleted"


class ImageSource(StrEnum):
    GENERATED = "generated"
    IMPORTED = "imported"
    UPLOADED = "uploaded"
    CHAT = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What a complete decode found.  *width* and *height* are pixels as shown, orientation applied."""

    content_type: str
    extension: str
    width: int
    height: int
    frames: int
    thumbhash: str
    """Base64 (standard alphabet, padded) of a ThumbHash, at most 25 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Bytes counted and hashed while they were written."""

    size: int
    sha256: str
    """64 lower-case hexadecimal characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an image came from.  *source_url* is the address that expires; None for a data URI."""

    provider: str | None = None
    job_id: str | None = None
    output_index: int | None = None
    generation: GenerationId | None = None
    source_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One row of the catalog.  Everything measured is None until the bytes are stored."""

    user: UserId
    id: ImageId
    url_extension: str
    status: ImageStatus
    source: ImageSource
    created_at: datetime
    origin: Origin = field(default_factory=Origin)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    facts: ImageFacts | None = None
    digest: Digest | None = None
    hosted_at: datetime | None = None
    accessed_at: datetime | None = None
    ended_at: datetime | None = None
    """When it was deleted, rejected or lost."""
    reason: str | None = None
    """Why it was deleted, rejected or lost: a stable snake_case word."""
    detail: str | None = None
    is_promised: bool = False
    """It has a URL, but no source is known yet."""

    @property
    def is_private(self) -> bool:
        """Whether it is its owner's alone, however images are read here: what belongs to a chat is."""
        return self.source is ImageSource.CHAT

    @property
    def key(self) -> str:
        """The name of its bytes in the blob store: `<user>/<id>.<true extension>`."""
        if self.facts is None:
            raise ValueError(f"{self.id} has no bytes yet")
        return blob_key(self.user, self.id, self.facts.extension)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """The intent to host one source: becomes an image in state `capturing` and its capture."""

    user: UserId
    id: ImageId
    url_extension: str
    source: ImageSource
    created_at: datetime
    origin: Origin
    fetch_from: str
    """The source as it is fetched: an https URL, or the whole data URI."""
    fingerprint: str
    """SHA-256 of *fetch_from*: finds the same source of the same owner again."""
    source_key: str
    """Unique among an owner's images that are not deleted; see `job_key` and `url_key`."""
    deadline: datetime | None
    metadata: Mapping[str, Any]
    produced_at: datetime | None = None
    """When the provider had made it, as it says; None if nobody knows."""


def blob_key(user: UserId, image: ImageId, extension: str) -> str:
    """Return where the bytes of *image* lie in the blob store."""
    return f"{user}/{image}.{extension}"


def job_key(provider: str, job_id: str, output_index: int) -> str:
    """Return the source key of a job's output: whoever reports it first, it is hosted once."""
    return f"{provider}:{job_id}:{output_index}"


def url_key(fingerprint: str) -> str:
    """Return the source key of a source that no job is known for."""
    return f"url:{fingerprint}"


def upload_key(image: ImageId) -> str:
    """Return the source key of an upload: each is a source of its own."""
    return f"upload:{image}"


@dataclass(frozen=True, slots=True)
class ImagePosition:
    """A place in an owner's list, newest first: the keyset cursor."""

    created_at: datetime
    id: ImageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an owner's stored images add up to; *size* in bytes."""

    images: int
    size: int
    capturing: int

"""Temporary images: input for a provider to fetch.  They live until their caller deletes them.

What a generation takes in beside pictures (sound, films, documents) is kept the same way, as it came.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from app.domain.errors import NotFound
from app.domain.ids import GenerationId, UserId
from app.domain.images import CONTENT_TYPES, Digest
from app.domain.ports import Blob, Staging

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


_BYTES = "application/octet-stream"
_FILE_TYPES: Mapping[str, str] = {
    "bin": _BYTES,
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "json": "application/json",
    "txt": _BYTES,
}
_EXTENSIONS: Mapping[str, str] = {
    **{content_type: extension for extension, content_type in _FILE_TYPES.items() if content_type != _BYTES},
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/opus": "ogg",
    "application/ogg": "ogg",
    "audio/x-flac": "flac",
    "audio/m4a": "m4a",
    "audio/x-m4a": "m4a",
    "audio/webm": "webm",
    "application/x-zip-compressed": "zip",
    "text/plain": "txt",
}

SERVED_TYPES: Mapping[str, str] = {**CONTENT_TYPES, **_FILE_TYPES}
"""What is served as what, by extension.  What a browser could run is bytes to it, text included."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is called, and what it is served as."""

    extension: str
    content_type: str

    @classmethod
    def declared(cls, content_type: str) -> Self:
        """Return the kind of a file that is no picture, of which nothing is known but what it says of itself."""
        extension = _EXTENSIONS.get(content_type, "bin")
        return cls(extension, _FILE_TYPES[extension])


@dataclass(frozen=True, slots=True, order=True)
class TemporaryId:
    """A UUID4: whoever has it may read the image, so nobody must be able to guess it."""

    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the id spelled by *text*, or raise `NotFound`: what is none names nothing."""
        if not _UUID4.fullmatch(text.lower()):
            raise NotFound("There is no such image.")
        return cls(text.lower())

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class TemporaryImage:
    """*generation* is the one it was made for, whose end is its own."""

    id: TemporaryId
    owner: UserId
    extension: str
    content_type: str
    digest: Digest
    created_at: datetime
    generation: GenerationId | None = None

    @property
    def name(self) -> str:
        """What its URL ends in: providers guess a type by the extension."""
        return f"{self.id}.{self.extension}"

    @property
    def is_picture(self) -> bool:
        """Whether it was decoded; anything else is a file that nobody here has looked into."""
        return self.extension in CONTENT_TYPES

    def goes_by(self, extension: str) -> bool:
        """Whether its URL may end in *extension*."""
        if self.is_picture:
            return CONTENT_TYPES.get(extension) == self.content_type
        return extension == self.extension


@dataclass(frozen=True, slots=True)
class Opened:
    """A temporary image and its open bytes; whoever gets it closes the blob."""

    image: TemporaryImage
    blob: Blob


class TemporaryStore(Protocol):
    """Keeps temporary images for all processes of a deployment, within one budget of bytes.

    A restart loses none; a power cut may.
    """

    def stage(self) -> AbstractAsyncContextManager[Staging]:
        """Begin an image.  What was not kept when the block ends is removed."""

    async def keep(self, staging: Staging, image: TemporaryImage) -> None:
        """Make a sealed *staging* findable as *image*; raise `StorageFull` when the budget would be passed."""

    async def find(self, image: TemporaryId) -> TemporaryImage | None:
        """Return what is known of an image; raise `StorageUnavailable`."""

    async def open(self, image: TemporaryId) -> Opened | None:
        """Return an image that is kept, whole; raise `StorageUnavailable`."""

    async def remove(self, image: TemporaryId) -> None:
        """Remove an image; removing what is not there is not an error."""

    async def images(self) -> Sequence[TemporaryImage]:
        """Return all that are kept, in no order."""

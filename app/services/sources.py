"""Turns a source into the intent to host it: its id, its deadline, and what makes two sources the same one."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.domain.errors import AppError
from app.domain.generations import Generation, Job
from app.domain.ids import IdFactory, ImageId, UserId
from app.domain.images import DEFAULT_EXTENSION, ImageSource, NewImage, Origin, job_key, url_key
from app.domain.ports import Clock, Downloader, Source

_LARGE = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What an app asks to have hosted.  *job_id* and *output_index* tie it to a job of *provider*."""

    user: UserId
    url: str
    image: ImageId | None = None
    provider: str = "replicate"
    job_id: str | None = None
    output_index: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Sources:
    """*deadline* is how long a source of unknown expiry is trusted to live."""

    def __init__(self, *, downloader: Downloader, ids: IdFactory, clock: Clock, deadline: timedelta) -> None:
        self._downloader = downloader
        self._ids = ids
        self._clock = clock
        self._deadline = deadline

    async def imported(self, wanted: Import) -> NewImage:
        """Return the intent of an import; raise what `Downloader.admit` raises."""
        source = await self._admit(wanted.url)
        now = self._clock()
        return NewImage(
            user=wanted.user,
            id=wanted.image or self._ids.image(),
            url_extension=source.extension or DEFAULT_EXTENSION,
            source=ImageSource.IMPORTED,
            created_at=now,
            origin=Origin(
                provider=wanted.provider if wanted.job_id else None,
                job_id=wanted.job_id,
                output_index=wanted.output_index,
                source_url=_shown(source),
            ),
            fetch_from=source.text,
            fingerprint=source.fingerprint,
            source_key=_import_key(wanted, source),
            deadline=self._expiry(source, now, None),
            metadata=wanted.metadata,
        )

    async def outputs(self, generation: Generation, job: Job) -> list[NewImage]:
        """Return the intents of a job's outputs, in order.  One that is not allowed is rejected by its capture."""
        return [await self._output(generation, job, index, text) for index, text in enumerate(job.outputs)]

    async def _output(self, generation: Generation, job: Job, index: int, text: str) -> NewImage:
        source = await self._admit_or_describe(text)
        now = self._clock()
        return NewImage(
            user=generation.user,
            id=generation.first_image if index == 0 else self._ids.image(),
            url_extension=source.extension or DEFAULT_EXTENSION,
            source=ImageSource.GENERATED,
            created_at=now,
            origin=Origin(
                provider=job.provider,
                job_id=job.id,
                output_index=index,
                generation=generation.id,
                source_url=_shown(source),
            ),
            fetch_from=text,
            fingerprint=source.fingerprint,
            source_key=job_key(job.provider, job.id, index),
            deadline=self._expiry(source, now, job.outputs_expire_at),
            metadata=generation.metadata,
            produced_at=job.completed_at,
        )

    async def _admit(self, text: str) -> Source:
        # A data URI is hashed whole: megabytes of it would hold up the event loop.
        return (
            self._downloader.admit(text)
            if len(text) <= _LARGE
            else await asyncio.to_thread(self._downloader.admit, text)
        )

    async def _admit_or_describe(self, text: str) -> Source:
        try:
            return await self._admit(text)
        except AppError:
            fingerprint = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
            return Source(text=text, is_data=text.startswith("data:"), extension=None, fingerprint=fingerprint)

    def _expiry(self, source: Source, now: datetime, known: datetime | None) -> datetime | None:
        return None if source.is_data else known or now + self._deadline


def _import_key(wanted: Import, source: Source) -> str:
    # A job without an index does not say which output this is: keyed by it, all but one would be dropped.
    if wanted.job_id is None or wanted.output_index is None:
        return url_key(source.fingerprint)
    return job_key(wanted.provider, wanted.job_id, wanted.output_index)


def _shown(source: Source) -> str | None:
    # A data URI is the picture itself: nothing to fall back on, and far too long for a document.
    return None if source.is_data else source.text

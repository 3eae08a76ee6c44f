"""A generation: our record of a provider's job, whose outputs become images."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.ids import GenerationId, ImageId, UserId


class JobStatus(StrEnum):
    """A job's life, in Replicate's words.  A word we do not know counts as `processing`."""

    STARTING = "starting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"

    @property
    def is_terminal(self) -> bool:
        return self not in {JobStatus.STARTING, JobStatus.PROCESSING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a provider is asked to run.  Exactly one of *model* and *version* is given."""

    model: str | None
    version: str | None
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a provider says of a job at one moment, whoever carried the news."""

    provider: str
    id: str
    status: JobStatus
    outputs: tuple[str, ...] = ()
    """Every file of the output in order, as `https:` URLs or `data:` URIs."""
    error: str | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    outputs_expire_at: datetime | None = None
    outputs_removed: bool = False
    """The provider has already deleted what it made."""
    model: str | None = None
    version: str | None = None
    input_sha256: str | None = None
    webhook: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One row of the catalog.  It exists before the provider is called, so *job_id* may be None."""

    id: GenerationId
    user: UserId
    provider: str
    status: JobStatus
    created_at: datetime
    first_image: ImageId
    """The first output's id, fixed from the start."""
    is_prepared: bool = True
    """False while its inputs are put where the provider finds them: that was certainly not called yet."""
    hosted: bool = True
    """False when outputs are passed through (`IMAGE_HOSTING_ENABLED=false`)."""
    model: str | None = None
    version: str | None = None
    input_sha256: str | None = None
    job_id: str | None = None
    error: str | None = None
    error_code: str | None = None
    completed_at: datetime | None = None
    next_poll_at: datetime | None = None
    polls: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)


def input_fingerprint(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an input, whatever order its members came in: finds a job whose answer was lost."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()

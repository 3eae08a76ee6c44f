"""Reads a prediction, as the API and webhooks send it.

Everything but its id and its status may be missing: recorded traffic leaves out much of what the published schema
calls required.  It may also come from a stranger, who can import a whole prediction.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.adapters.providers.answers import clean_text, is_job_id
from app.adapters.providers.outputs import files_in
from app.domain.errors import InvalidInput
from app.domain.generations import Job, JobStatus, input_fingerprint

PROVIDER = "replicate"
RETENTION = timedelta(hours=1)
_LONGEST_ERROR = 2000
_LONGEST_NAME = 400
_LONGEST_URL = 4096


def job_from(document: Mapping[str, Any], *, allow_http: bool) -> Job:
    """Return the job *document* describes; raise `InvalidInput` if it is no prediction."""
    status = _status(document.get("status"))
    completed_at = _moment(document.get("completed_at"))
    removed = document.get("data_removed") is True
    return Job(
        provider=PROVIDER,
        id=_job_id(document.get("id")),
        status=status,
        outputs=files_in(document.get("output"), allow_http=allow_http),
        error=_error(document.get("error")),
        created_at=_moment(document.get("created_at")),
        completed_at=completed_at,
        outputs_expire_at=_expiry(completed_at) if status.is_terminal else None,
        outputs_removed=removed,
        model=_text(document.get("model"), longest=_LONGEST_NAME),
        version=_text(document.get("version"), longest=_LONGEST_NAME),
        # Removed data leaves an empty input behind, which is the fingerprint of nothing.
        input_sha256=None if removed else _fingerprint(document.get("input")),
        webhook=_text(document.get("webhook"), longest=_LONGEST_URL),
    )


def _job_id(value: object) -> str:
    if not isinstance(value, str) or not is_job_id(value):
        raise InvalidInput("That is not the id of a prediction.", field="id")
    return value


def _status(value: object) -> JobStatus:
    if not isinstance(value, str):
        raise InvalidInput("A prediction has a status.", field="status")
    try:
        return JobStatus(value)
    except ValueError:
        return JobStatus.PROCESSING


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _expiry(completed_at: datetime | None) -> datetime | None:
    try:
        return None if completed_at is None else completed_at + RETENTION
    except OverflowError:
        return None


def _error(value: object) -> str | None:
    try:
        return None if value is None else clean_text(value)[:_LONGEST_ERROR]
    except (RecursionError, TypeError, ValueError):
        return "The provider gave an error that cannot be read."


def _text(value: object, *, longest: int) -> str | None:
    return clean_text(value) if isinstance(value, str) and 0 < len(value) <= longest else None


def _fingerprint(value: object) -> str | None:
    if not isinstance(value, Mapping):
        return None
    try:
        return input_fingerprint(value)
    except (RecursionError, TypeError, ValueError):
        return None

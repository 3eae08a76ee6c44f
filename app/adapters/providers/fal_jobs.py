"""Reads what fal says of a request: its status, its result, and the webhook at its end.

`COMPLETED` only means that it is over.  Whether it went well is for the result to say, by its HTTP status or by an
`error` in it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from app.adapters.providers.answers import LONGEST_MESSAGE, clean_text, is_job_id
from app.adapters.providers.exchange import Answer
from app.adapters.providers.fal_files import outputs_in
from app.domain.errors import InvalidInput
from app.domain.generations import Job, JobStatus

PROVIDER = "fal"
COMPLETED = "COMPLETED"
_WRAPPER = {"status", "logs", "response"}
_MOST_COMPLAINTS = 5
_LARGEST_COMPLAINT = 256 * 1024
_VERDICT_HEADERS = ("X-Fal-Error-Type", "X-Fal-Retryable", "X-Fal-Needs-Retry")
_NO_VERDICTS = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def request_id_in(document: Mapping[str, Any]) -> str:
    """Return the id of the request a document speaks of; raise `InvalidInput`."""
    value = document.get("request_id")
    if not isinstance(value, str) or not is_job_id(value):
        raise InvalidInput("That is not the id of a request.", field="request_id")
    return value


def status_in(document: Mapping[str, Any]) -> JobStatus:
    """Return how far a request is; a word we do not know counts as under way."""
    return JobStatus.STARTING if document.get("status") == "IN_QUEUE" else JobStatus.PROCESSING


def complaint_in(members: Mapping[str, Any]) -> str | None:
    """Return why it went wrong, without the input that fal repeats; None when nothing says so."""
    detail = members.get("detail") or members.get("error")
    if isinstance(detail, list):
        detail = "; ".join(filter(None, map(_complaint, detail[:_MOST_COMPLAINTS])))
    if isinstance(detail, Mapping):
        detail = _complaint(detail)
    return clean_text(detail)[:LONGEST_MESSAGE] if isinstance(detail, str) and detail else None


def is_verdict(answer: Answer) -> bool:
    """Whether the answer to a question for the result is how the request ended, and not how the question did."""
    if not answer.is_server_error:
        return answer.status >= HTTPStatus.BAD_REQUEST and answer.status not in _NO_VERDICTS
    # fal's own words; what stands in front of it knows none of them.
    return any(name in answer.headers for name in _VERDICT_HEADERS) or _has_error_type(answer.body)


def _has_error_type(body: bytes) -> bool:
    try:
        members = json.loads(body[:_LARGEST_COMPLAINT])
    except (ValueError, RecursionError):
        return False
    return isinstance(members, dict) and ("error_type" in members or isinstance(members.get("detail"), list))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How jobs are read.  *lifetime* is how long fal keeps what a model made."""

    lifetime: timedelta
    allow_http: bool

    def succeeded(self, request_id: str, result: object, *, now: datetime, model: str | None = None) -> Job:
        """Return the job of a *result*, which may still speak of an error."""
        if isinstance(result, Mapping) and result.keys() == _WRAPPER:
            result = result["response"]
        outputs = outputs_in(result, allow_http=self.allow_http)
        members = result if isinstance(result, Mapping) else {}
        if not outputs and members.get("error"):
            return failed(request_id, complaint_in(members), model=model)
        return Job(
            provider=PROVIDER,
            id=request_id,
            status=JobStatus.SUCCEEDED,
            outputs=outputs,
            # fal says nowhere when a request ended; now is late by seconds, of days.
            outputs_expire_at=now + self.lifetime,
            model=model,
        )

    def told(self, document: Mapping[str, Any], *, now: datetime) -> Job:
        """Return the job a webhook speaks of; raise `InvalidInput`."""
        request_id, payload = request_id_in(document), document.get("payload")
        if document.get("status") == "ERROR":
            members = payload if isinstance(payload, Mapping) else {}
            return failed(request_id, complaint_in(members) or complaint_in({"error": document.get("error")}))
        if document.get("status") != "OK" or payload is None:
            # A result that no webhook can carry (`payload_error`) is there to be asked for.
            return Job(provider=PROVIDER, id=request_id, status=JobStatus.PROCESSING)
        return self.succeeded(request_id, payload, now=now)


def failed(request_id: str, error: str | None, *, model: str | None = None) -> Job:
    return Job(
        provider=PROVIDER,
        id=request_id,
        status=JobStatus.FAILED,
        error=error or "The model failed, and fal does not say why.",
        model=model,
    )


def _complaint(detail: object) -> str:
    """Return one entry of `detail`: `prompt: field required`."""
    if not isinstance(detail, Mapping):
        return detail if isinstance(detail, str) else ""
    message, place = detail.get("msg"), detail.get("loc")
    if not isinstance(message, str):
        return ""
    where = ".".join(str(part) for part in place if part != "body") if isinstance(place, list) else ""
    return f"{where}: {message}" if where else message

"""What can be read from any provider's answer: ids, words, and how long it wants to be left alone."""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from app.adapters.providers.exchange import Answer
from app.domain.errors import InvalidInput
from app.domain.ports import Clock

LONGEST_MESSAGE = 1000
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RESET = re.compile(r"~(\d+(?:\.\d+)?)\s*s")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LONGEST_HINT = 24 * 3600.0


def is_job_id(text: object) -> bool:
    """Say whether *text* may be a job's id: safe as one segment of a path."""
    return isinstance(text, str) and _JOB_ID.fullmatch(text) is not None


def webhook_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object a webhook is; raise `InvalidInput` when it is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput("The webhook is not valid JSON.") from None
    if not isinstance(document, dict):
        raise InvalidInput("The webhook is no object.")
    return document


async def members_of(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of the body; an empty one where there is none."""
    try:
        document = await answer.document()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def retry_after(answer: Answer, members: Mapping[str, Any], *, clock: Clock) -> float | None:
    """Return the seconds a provider wants us to wait, from the first place that says so."""
    places: tuple[Callable[[], float | None], ...] = (
        lambda: _from_header(answer.headers.get("Retry-After"), clock),
        lambda: _seconds(members.get("retry_after")),
        lambda: _from_detail(members.get("detail")),
        lambda: _seconds(answer.headers.get("ratelimit-reset")),
    )
    return next((found for place in places if (found := place()) is not None), None)


def clean_text(said: object) -> str:
    """Return what a provider said as text that any log and any database can hold."""
    text = said if isinstance(said, str) else json.dumps(said, separators=(",", ":"))
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode()


def without(secret: str | None, text: str) -> str:
    """Return *text*, of a bounded length, without the *secret* that it may repeat."""
    return (text.replace(secret, "[token]") if secret else text)[:LONGEST_MESSAGE]


def _from_header(value: str | None, clock: Clock) -> float | None:
    if value is None or (seconds := _seconds(value)) is not None:
        return None if value is None else seconds
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, _between(clock(), aware))


def _between(earlier: datetime, later: datetime) -> float:
    return min(_LONGEST_HINT, (later - earlier).total_seconds())


def _from_detail(detail: object) -> float | None:
    match = _RESET.search(detail) if isinstance(detail, str) else None
    return _seconds(match[1]) if match else None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return min(seconds, _LONGEST_HINT) if math.isfinite(seconds) and seconds >= 0 else None

"""What Replicate says when it does not do what it was asked."""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from app.adapters.providers.exchange import Answer
from app.domain.errors import (
    AppError,
    NotFound,
    ProviderAnswerLost,
    ProviderCredit,
    ProviderFailed,
    ProviderThrottled,
    ProviderUnreachable,
)
from app.domain.ports import Clock

LONGEST_MESSAGE = 1000
_RESET = re.compile(r"~(\d+(?:\.\d+)?)\s*s")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LONGEST_HINT = 24 * 3600.0


class Refusals:
    """Reads answers that are no success.  The token never appears in what it returns."""

    def __init__(self, *, clock: Clock, token: str | None) -> None:
        self._clock = clock
        self._token = token

    async def of_create(self, answer: Answer) -> AppError:
        """Return why no prediction came back; after a server error one may still have been started."""
        message, hint = await self._read(answer)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return ProviderThrottled(message, retry_after=hint)
        if answer.status == HTTPStatus.PAYMENT_REQUIRED:
            return ProviderCredit(message)
        if answer.is_server_error:
            return ProviderAnswerLost(message)
        return ProviderFailed(message)

    async def of_read(self, answer: Answer) -> AppError:
        """Return why a prediction could not be read, in the words `Provider.get` knows."""
        message, hint = await self._read(answer)
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return ProviderThrottled(message, retry_after=hint)
        if answer.status == HTTPStatus.NOT_FOUND:
            return NotFound("Replicate knows no such prediction.")
        return ProviderUnreachable(message)

    async def _read(self, answer: Answer) -> tuple[str, float | None]:
        try:
            document = await answer.document()
        except ValueError:
            document = None
        members = document if isinstance(document, dict) else {}
        said = members.get("detail") or members.get("title") or f"Replicate answered {answer.status}."
        message = clean_text(said)
        if self._token:
            message = message.replace(self._token, "[token]")
        return message[:LONGEST_MESSAGE], retry_after(answer, members, clock=self._clock)


def retry_after(answer: Answer, members: dict[str, Any], *, clock: Clock) -> float | None:
    """Return the seconds Replicate wants us to wait, from the first place that says so."""
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

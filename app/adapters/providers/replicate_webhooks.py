"""Replicate's webhooks: the prediction itself, signed over the raw body in the manner of Standard Webhooks."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from app.adapters.providers.answers import webhook_object
from app.domain.errors import AppError, Unauthorized
from app.domain.generations import Job
from app.domain.ports import Clock

log = logging.getLogger(__name__)

T = TypeVar("T")

_TOLERANCE = timedelta(seconds=300)
_ASK_AGAIN_AFTER = timedelta(seconds=60)
_TRY_AGAIN_AFTER = timedelta(seconds=5)
_LARGE = 256 * 1024
_SHORTEST_KEY = 16


class ReplicateWebhooks:
    """*secret* is `whsec_…`; without one it is asked of the API by *fetch_secret*, once, and again if it changes."""

    def __init__(
        self,
        *,
        secret: str | None,
        fetch_secret: Callable[[], Awaitable[str]],
        parse: Callable[[Mapping[str, Any]], Job],
        clock: Clock,
    ) -> None:
        self._given = secret
        self._fetch_secret = fetch_secret
        self._parse = parse
        self._clock = clock
        self._fetched: str | None = None
        self._may_ask_at = clock()
        self._turn = asyncio.Lock()

    async def read(self, headers: Mapping[str, str], body: bytes) -> Job:
        message_id, timestamp, signatures = _signed_headers(headers)
        self._require_recent(timestamp)
        signed = f"{message_id}.{timestamp}.".encode() + body
        if not await self._is_signed(signed, signatures):
            raise Unauthorized("The webhook's signature is not valid.")
        return await _beside(self._read, body)

    def _read(self, body: bytes) -> Job:
        return self._parse(webhook_object(body))

    def _require_recent(self, timestamp: str) -> None:
        # A recording of an old webhook must not be worth anything.
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= len("9999999999")):
            raise Unauthorized("The webhook has no time.")
        if abs(self._clock().timestamp() - int(timestamp)) > _TOLERANCE.total_seconds():
            raise Unauthorized("The webhook is too old, or from the future.")

    async def _is_signed(self, message: bytes, signatures: list[str]) -> bool:
        secret = self._given or self._fetched
        if secret is not None and await _beside(_fits, message, secret, signatures):
            return True
        if self._given is not None:
            return False
        await self._ask()
        is_other = self._fetched is not None and self._fetched != secret
        return is_other and await _beside(_fits, message, self._fetched, signatures)

    async def _ask(self) -> None:
        """Fetch the secret, at most once a minute whatever strangers send us; sooner if it could not be had."""
        async with self._turn:
            if self._clock() < self._may_ask_at:
                return
            try:
                self._fetched = await self._fetch_secret()
                self._may_ask_at = self._clock() + _ASK_AGAIN_AFTER
            except AppError as refusal:
                log.warning("the webhook secret could not be had", extra={"error": refusal.code})
                self._may_ask_at = self._clock() + _TRY_AGAIN_AFTER


async def _beside(work: Callable[..., T], body: bytes, *more: Any) -> T:
    """Return what *work* makes of *body*, off the event loop when there is much of it: anyone may send us that."""
    return work(body, *more) if len(body) <= _LARGE else await asyncio.to_thread(work, body, *more)


def _signed_headers(headers: Mapping[str, str]) -> tuple[str, str, list[str]]:
    try:
        given = headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"]
    except KeyError:
        raise Unauthorized("The webhook is not signed.") from None
    return given[0], given[1], given[2].split(" ")


def _fits(message: bytes, secret: str, signatures: list[str]) -> bool:
    """Whether one of the `v1,<base64>` entries is the message's; all are compared, so that time tells nothing."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return False
    # Anyone can sign with the key of an empty or a mistyped secret.
    if len(key) < _SHORTEST_KEY:
        return False
    right = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest())
    found = [entry.partition(",") for entry in signatures]
    given = [text.encode(errors="replace") for version, _, text in found if version == "v1"]
    return sum(hmac.compare_digest(right, one) for one in given) > 0

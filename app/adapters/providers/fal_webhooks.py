"""fal's webhooks: one at the end of a request, signed with Ed25519 over its ids, its time and the hash of its body."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.adapters.providers.answers import webhook_object
from app.domain.errors import InvalidInput, Unauthorized
from app.domain.generations import Job
from app.domain.ports import Clock

_TOLERANCE = timedelta(seconds=300)
_LARGE = 256 * 1024
_HEADERS = ("Request-Id", "User-Id", "Timestamp", "Signature")
_TIME = re.compile(r"[0-9]{1,10}")
_SIGNATURE = re.compile(r"[0-9a-fA-F]{128}")
_NOT_VALID = "The webhook's signature is not valid."


@dataclass(frozen=True, slots=True)
class _Seal:
    """What the headers say: for which request, by whom, when, and the proof."""

    request_id: str
    user_id: str
    timestamp: str
    signature: bytes

    def message(self, body: bytes) -> bytes:
        """Return what is signed: four lines, the last of them the hash of the raw *body*, with no break after it."""
        digest = hashlib.sha256(body).hexdigest()
        return f"{self.request_id}\n{self.user_id}\n{self.timestamp}\n{digest}".encode()


class FalWebhooks:
    """*verify* tells whether one of fal's keys made a signature of a message."""

    def __init__(
        self,
        *,
        verify: Callable[[bytes, bytes], Awaitable[bool]],
        parse: Callable[[Mapping[str, Any]], Job],
        clock: Clock,
    ) -> None:
        self._verify = verify
        self._parse = parse
        self._clock = clock

    async def read(self, headers: Mapping[str, str], body: bytes) -> Job:
        seal = _seal(headers)
        # A recording of an old webhook must not be worth anything.
        if abs(self._clock().timestamp() - int(seal.timestamp)) > _TOLERANCE.total_seconds():
            raise Unauthorized("The webhook is too old, or from the future.")
        message = seal.message(body) if len(body) <= _LARGE else await asyncio.to_thread(seal.message, body)
        if not await self._verify(message, seal.signature):
            raise Unauthorized(_NOT_VALID)
        return self._read(seal, body) if len(body) <= _LARGE else await asyncio.to_thread(self._read, seal, body)

    def _read(self, seal: _Seal, body: bytes) -> Job:
        document = webhook_object(body)
        if seal.request_id not in (document.get("request_id"), document.get("gateway_request_id")):
            raise InvalidInput("The webhook speaks of another request than its headers.", field="request_id")
        return self._parse(document)


def _seal(headers: Mapping[str, str]) -> _Seal:
    try:
        request_id, user_id, timestamp, signature = (headers[f"X-Fal-Webhook-{name}"] for name in _HEADERS)
    except KeyError:
        raise Unauthorized("The webhook is not signed.") from None
    if not _TIME.fullmatch(timestamp):
        raise Unauthorized("The webhook has no time.")
    if not _SIGNATURE.fullmatch(signature) or not (request_id.isascii() and user_id.isprintable()):
        raise Unauthorized(_NOT_VALID)
    return _Seal(request_id, user_id, timestamp, bytes.fromhex(signature))

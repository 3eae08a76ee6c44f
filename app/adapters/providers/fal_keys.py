"""The keys fal signs its webhooks with: published as a JWKS, rotated without notice."""

import asyncio
import base64
import binascii
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from yarl import URL

from app.adapters.providers.answers import members_of
from app.adapters.providers.exchange import Exchange, NoAnswer, NotSent
from app.domain.errors import ProviderUnreachable
from app.domain.ports import Clock

log = logging.getLogger(__name__)

_LARGEST_SET = 64 * 1024
_MOST_KEYS = 16
_KEY_BYTES = 32
_PATIENCE_SECONDS = 5.0
_FRESH = timedelta(hours=24)
_ASK_AGAIN_AFTER = timedelta(seconds=60)
_TRY_AGAIN_AFTER = timedelta(seconds=5)


class FalKeys:
    """The set published at *url*, kept for a day at most, and for as long as a newer one cannot be had."""

    def __init__(self, *, url: str, clock: Clock) -> None:
        self._url = URL(url)
        self._clock = clock
        self._keys: tuple[Ed25519PublicKey, ...] = ()
        self._may_ask_at = clock()
        self._stale_at = clock()
        self._turn = asyncio.Lock()
        self._exchange = Exchange(
            largest_answer=_LARGEST_SET,
        )

    async def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether one of the keys made *signature*; an unknown one has them fetched anew, at most once a minute."""
        if self._clock() >= self._stale_at:
            await self._fetch()
        if _fits(self._keys, message, signature):
            return True
        known = self._keys
        await self._fetch()
        return self._keys is not known and _fits(self._keys, message, signature)

    async def aclose(self) -> None:
        await self._exchange.aclose()

    async def _fetch(self) -> None:
        """Fetch the set, unless that was done a moment ago: strangers must not have us ask as often as they do."""
        async with self._turn:
            if self._clock() < self._may_ask_at:
                return
            try:
                self._keys = await self._published()
            except ProviderUnreachable as refusal:
                log.warning("the keys of fal's webhooks could not be had", extra={"error": refusal.detail})
                self._may_ask_at = self._clock() + _TRY_AGAIN_AFTER
            else:
                self._may_ask_at = self._clock() + _ASK_AGAIN_AFTER
                self._stale_at = self._clock() + _FRESH

    async def _published(self) -> tuple[Ed25519PublicKey, ...]:
        try:
            answer = await self._exchange.send("GET", self._url, patience=_PATIENCE_SECONDS)
        except (NotSent, NoAnswer) as exc:
            raise ProviderUnreachable("fal did not answer.") from exc
        listed = (await members_of(answer)).get("keys") if answer.is_success else None
        keys = tuple(_keys_in(listed[:_MOST_KEYS])) if isinstance(listed, list) else ()
        if not keys:
            raise ProviderUnreachable("fal's answer holds no keys.")
        return keys


def _keys_in(listed: Sequence[Any]) -> list[Ed25519PublicKey]:
    raw = (_raw(key) for key in listed if isinstance(key, dict))
    return [Ed25519PublicKey.from_public_bytes(each) for each in raw if each is not None]


def _raw(key: dict[str, Any]) -> bytes | None:
    """Return the bytes of an Ed25519 key (RFC 8037 §2); fal pads what should not be padded."""
    text = key.get("x")
    if key.get("kty") != "OKP" or key.get("crv") != "Ed25519" or not isinstance(text, str):
        return None
    text = text.rstrip("=")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == _KEY_BYTES else None


def _fits(keys: Sequence[Ed25519PublicKey], message: bytes, signature: bytes) -> bool:
    return any(_verifies(key, message, signature) for key in keys)


def _verifies(key: Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True

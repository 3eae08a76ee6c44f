"""Signed links: a stable URL with an expiry and an HMAC over its owner, its image and that expiry."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.domain.errors import Unauthorized
from app.domain.ids import ImageId, UserId
from app.domain.ports import Clock


class LinkSigner:
    """The first of *keys* signs, all verify, so that keys can be rotated."""

    def __init__(self, *, keys: Sequence[bytes], clock: Clock) -> None:
        self._keys = tuple(keys)
        self._clock = clock

    def sign(self, user: UserId, image: ImageId, *, expires_in: timedelta) -> tuple[datetime, str]:
        """Return when the link expires, in whole seconds, and its signature (hexadecimal)."""
        expires = (self._clock() + expires_in).replace(microsecond=0)
        return expires, self._signature(self._keys[0], user, image, int(expires.timestamp()))

    def verify(self, user: UserId, image: ImageId, *, expires: str, signature: str) -> timedelta:
        """Return how long the link still lives; raise `Unauthorized` when it is forged or has expired."""
        if not expires.isascii() or not expires.isdecimal() or len(expires) > 12:  # noqa: PLR2004 (digits of a time)
            raise _refused()
        given = signature.encode(errors="surrogateescape")
        signatures = (self._signature(key, user, image, int(expires)).encode() for key in self._keys)
        # All keys are tried, whichever fits, so that the time taken tells nothing.
        if not sum(hmac.compare_digest(given, right) for right in signatures):
            raise _refused()
        left = timedelta(seconds=int(expires) - self._clock().timestamp())
        if left <= timedelta():
            raise Unauthorized("The link has expired.")
        return left

    def _signature(self, key: bytes, user: UserId, image: ImageId, expires: int) -> str:
        message = f"holdfast-link-v1\n{user}\n{image}\n{expires}"
        return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()


def _refused() -> Unauthorized:
    return Unauthorized("The link is not valid.")

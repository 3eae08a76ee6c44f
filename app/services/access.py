"""Who is asking: a service key, a user's token, or whoever is on the same machine."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from app.domain.access import Caller
from app.domain.errors import Unauthorized
from app.domain.ids import UserId


class Tokens(Protocol):
    """Tokens that name a user and an expiry."""

    def issue(self, user: UserId, *, expires_in: timedelta) -> tuple[str, datetime]:
        """Return a token and when it expires."""

    def verify(self, token: str) -> UserId:
        """Return whose token this is; raise `Unauthorized`."""


class AccessService:
    """Without *api_keys* every caller is trusted: then we listen on loopback only (the settings see to it)."""

    def __init__(self, *, api_keys: Sequence[str], tokens: Tokens) -> None:
        self._keys = [_digest(key) for key in api_keys]
        self._tokens = tokens

    @property
    def is_open(self) -> bool:
        return not self._keys

    def identify(self, credential: str | None) -> Caller:
        """Return who presents *credential*; raise `Unauthorized`."""
        if credential is None:
            if self.is_open:
                return Caller()
            raise Unauthorized("A key or a token is needed: Authorization: Bearer ….")
        presented = _digest(credential)
        # Every key is compared, whichever fits, so that the time taken tells nothing.
        if sum(hmac.compare_digest(presented, key) for key in self._keys):
            return Caller()
        return Caller(self._tokens.verify(credential))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()

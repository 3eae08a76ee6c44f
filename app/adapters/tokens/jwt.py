"""`Tokens` as JWTs (RFC 7519), HS256, by PyJWT."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import jwt

from app.domain.errors import InvalidInput, Unauthorized
from app.domain.ids import UserId
from app.domain.ports import Clock

_ISSUER = "holdfast"


class JwtTokens:
    """The first of *keys* signs, all verify, so that keys can be rotated."""

    def __init__(self, *, keys: Sequence[bytes], clock: Clock) -> None:
        # A key of any length becomes one of the length HS256 wants (RFC 7518 §3.2), apart from what signs links.
        self._keys = [_hmac_key(key) for key in keys]
        self._clock = clock

    def issue(self, user: UserId, *, expires_in: timedelta) -> tuple[str, datetime]:
        now = self._clock().replace(microsecond=0)
        expires = now + expires_in
        claims = {"iss": _ISSUER, "sub": str(user), "iat": now, "exp": expires}
        return jwt.encode(claims, self._keys[0], algorithm="HS256"), expires

    def verify(self, token: str) -> UserId:
        # A header may hold any byte, and the library falls over what is no Unicode.
        for key in self._keys if token.isascii() else ():
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=["HS256"],
                    issuer=_ISSUER,
                    options={"require": ["sub", "exp"], "verify_exp": False, "verify_iat": False},
                )
                return self._owner(claims["sub"], claims["exp"])
            except (jwt.InvalidTokenError, InvalidInput):
                continue
        raise Unauthorized("The key or token is not valid.")

    def _owner(self, subject: str, expires: object) -> UserId:
        # Judged by our clock, which tests can move, and not by the library's.
        if not isinstance(expires, int) or expires <= self._clock().timestamp():
            raise Unauthorized("The token has expired.")
        return UserId.parse(subject)


def _hmac_key(key: bytes) -> bytes:
    """Return 32 bytes for HS256 derived from *key*."""
    return hashlib.sha256(b"holdfast-token-v1\n" + key).digest()

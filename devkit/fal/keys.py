"""The account's keys: who may ask, and what webhooks are signed with."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

JWKS_PATH = "/.well-known/jwks.json"


def require_key(key: str, *, open_paths: tuple[str, ...] = ()) -> Middleware:
    """Return what lets only *key* in, but for the paths that begin like one of *open_paths*."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_open = request.path.startswith(("/_control/", *open_paths))
        if not is_open and request.headers.get("Authorization") != f"Key {key}":
            return web.json_response({"detail": "Cannot access application. Authentication is required."}, status=401)
        return await handler(request)

    return check


@dataclass(slots=True)
class SigningKeys:
    """The keys webhooks are signed with: the newest signs, all are published."""

    padded: bool = True
    """Publish `x` as fal was seen to: with padding, which strict decoders refuse."""
    _keys: list[Ed25519PrivateKey] = field(default_factory=lambda: [Ed25519PrivateKey.generate() for _ in range(2)])

    def rotate(self) -> None:
        """Sign with a new key from now on, and forget the others."""
        self._keys = [Ed25519PrivateKey.generate()]

    def jwks(self) -> dict[str, object]:
        return {"keys": [self._jwk(key) for key in self._keys]}

    def headers(self, request_id: str, body: bytes, *, at: datetime, user_id: str = "user_123") -> Mapping[str, str]:
        """Return what a webhook with *body* carries."""
        timestamp = str(int(at.timestamp()))
        message = "\n".join([request_id, user_id, timestamp, hashlib.sha256(body).hexdigest()]).encode()
        return {
            "Content-Type": "application/json",
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": user_id,
            "X-Fal-Webhook-Timestamp": timestamp,
            "X-Fal-Webhook-Signature": self._keys[-1].sign(message).hex(),
        }

    def _jwk(self, key: Ed25519PrivateKey) -> dict[str, str]:
        x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x if self.padded else x.rstrip("=")}

"""How a webhook is signed: HMAC-SHA256 over id, timestamp and the raw body, in the manner of Standard Webhooks."""

import base64
import hashlib
import hmac


def sign(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    """Return one entry of the `webhook-signature` header, under a `whsec_` secret."""
    key = base64.b64decode(secret.partition("_")[2])
    message = b".".join((webhook_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, message, hashlib.sha256)).decode()

"""What a URL stands for at this moment, as far as headers need to know it."""

import base64
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """One immutable run of bytes: an original or a variant.

    *sha256* is 64 lower-case hexadecimal characters, *last_modified* is aware, and *filename* is made by us from
    a parsed id, so it needs no escaping.
    """

    size: int
    sha256: str
    content_type: str
    last_modified: datetime
    filename: str

    @property
    def etag(self) -> str:
        """The strong entity-tag: the hash, in quotes.  It survives restarts, restores and a change of host."""
        return f'"{self.sha256}"'

    @property
    def repr_digest(self) -> str:
        """The value of `Repr-Digest` (RFC 9530 §3): of the whole bytes, whatever part is sent."""
        return f"sha-256=:{base64.b64encode(bytes.fromhex(self.sha256)).decode()}:"

    def modified(self, now: datetime) -> datetime:
        """Return the second it was last modified in, never later than *now* (RFC 9110 §8.8.2.1)."""
        return min(self.last_modified, now).replace(microsecond=0)

"""The addresses providers call us at, and what an address says of whose job it is.

Ours name a generation.  An app that starts jobs itself gives the provider an address that names its user, signed
with our key: a webhook says who made a job, but only the address says who it is for.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from app.domain.errors import InvalidInput
from app.domain.ids import GenerationId, UserId

_PATH = "/v1/webhooks/"


@dataclass(frozen=True, slots=True)
class Address:
    """What an address says.  *user* is set only if its signature is ours."""

    generation: GenerationId | None = None
    user: UserId | None = None


class Callbacks:
    """*base_url* is None where providers cannot reach us.  The first of *keys* signs, all verify."""

    def __init__(self, *, base_url: str | None, keys: Sequence[bytes]) -> None:
        self._base_url = base_url
        self._keys = tuple(keys)

    @property
    def are_reachable(self) -> bool:
        """Whether providers can call us at all."""
        return self._base_url is not None

    def for_generation(self, provider: str, generation: GenerationId) -> str | None:
        """Return where *provider* tells us of a generation's job."""
        return None if self._base_url is None else f"{self._base_url}{_PATH}{provider}?generation={generation}"

    def for_user(self, provider: str, user: UserId) -> str | None:
        """Return where *provider* tells us of jobs that an app starts itself for *user*."""
        if self._base_url is None:
            return None
        query = urlencode({"user_id": str(user), "signature": _signature(self._keys[0], provider, user)})
        return f"{self._base_url}{_PATH}{provider}?{query}"

    def read(self, provider: str, query: Mapping[str, str]) -> Address:
        """Return what the query of an address says; what cannot be read or is not signed says nothing."""
        return Address(_generation(query.get("generation")), self._user(provider, query))

    def read_url(self, provider: str, url: str | None) -> Address:
        """Return what a whole address says, if it is one of ours."""
        if url is None or self._base_url is None or not url.startswith(f"{self._base_url}{_PATH}{provider}?"):
            return Address()
        try:
            query = {name: values[0] for name, values in parse_qs(urlsplit(url).query, max_num_fields=8).items()}
        except ValueError:
            return Address()
        return self.read(provider, query)

    def _user(self, provider: str, query: Mapping[str, str]) -> UserId | None:
        try:
            user = UserId.parse(query.get("user_id", ""))
        except InvalidInput:
            return None
        given = query.get("signature", "").encode(errors="surrogateescape")
        # All keys are tried, whichever fits, so that the time taken tells nothing.
        fits = sum(hmac.compare_digest(given, _signature(key, provider, user).encode()) for key in self._keys)
        return user if fits else None


def _signature(key: bytes, provider: str, user: UserId) -> str:
    return hmac.new(key, f"holdfast-webhook-v1\n{provider}\n{user}".encode(), hashlib.sha256).hexdigest()


def _generation(text: str | None) -> GenerationId | None:
    try:
        return GenerationId.parse(text) if text else None
    except InvalidInput:
        return None

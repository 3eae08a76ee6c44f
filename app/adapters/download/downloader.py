"""The `Downloader` over HTTP: the only part of the service that dials an address a stranger named."""

import asyncio
import hashlib
from pathlib import PurePosixPath

from app.adapters.download.data_uri import decode_into, find_payload, is_data_uri
from app.adapters.download.guard import Resolve
from app.adapters.download.limits import FetchLimits, Timing
from app.adapters.download.policy import SourcePolicy
from app.adapters.download.session import GuardedSession
from app.adapters.download.transfer import Transfer
from app.domain.errors import SourceUnavailable
from app.domain.images import CONTENT_TYPES
from app.domain.ports import Source, Staging

_HASHED_AT_ONCE = 1024 * 1024


class HttpDownloader:
    """Fetches over https from allowed hosts, and reads data URIs.  Keeps no connection between fetches."""

    def __init__(
        self, *, policy: SourcePolicy, limits: FetchLimits, timing: Timing, resolve: Resolve | None = None
    ) -> None:
        """Read the system's trust store.  *resolve* replaces the system's name service."""
        self._policy = policy
        self._limits = limits
        self._timing = timing
        self._session = GuardedSession(may_dial=policy.may_dial, limits=limits, resolve=resolve)
        self._slots = asyncio.Semaphore(limits.max_fetches)

    def admit(self, text: str) -> Source:
        if is_data_uri(text):
            find_payload(text, max_bytes=self._limits.max_bytes)
            return Source(text=text, is_data=True, extension=None, fingerprint=_fingerprint(text))
        suffix = PurePosixPath(self._policy.parse(text).path).suffix.lower().removeprefix(".")
        extension = suffix if suffix in CONTENT_TYPES else None
        return Source(text=text, is_data=False, extension=extension, fingerprint=_fingerprint(text))

    async def fetch(self, source: Source, into: Staging) -> None:
        if source.is_data:
            start = find_payload(source.text, max_bytes=self._limits.max_bytes)
            await decode_into(into, source.text, start=start)
            return
        # Judged again: it may have been admitted days ago, under another list.
        url = self._policy.parse(source.text)
        transfer = Transfer(
            session=self._session.get(),
            policy=self._policy,
            limits=self._limits,
            timing=self._timing,
            into=into,
        )
        async with self._slots:
            try:
                async with asyncio.timeout(self._limits.total_timeout):
                    await transfer.run(url)
            except TimeoutError:
                raise SourceUnavailable("The source took too long.") from None

    async def aclose(self) -> None:
        await self._session.aclose()


def _fingerprint(text: str) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(text), _HASHED_AT_ONCE):
        digest.update(text[start : start + _HASHED_AT_ONCE].encode())
    return digest.hexdigest()

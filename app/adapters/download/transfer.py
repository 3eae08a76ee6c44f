"""One source on its way into one staging: redirects, the bytes, and resumes when they break off."""

import hashlib
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus

from aiohttp import ClientResponse, ClientSession
from yarl import URL

from app.adapters.download.answers import REDIRECTS, Entity, read_entity, too_large
from app.adapters.download.limits import FetchLimits, Pace, Timing, TooSlow
from app.adapters.download.policy import SourcePolicy
from app.adapters.download.session import CHUNK, Broken, translated
from app.domain.errors import SourceNotAllowed, SourceUnavailable
from app.domain.ports import Staging

log = logging.getLogger(__name__)

_MAX_REDIRECTS = 3
_MAX_RESUMES = 3
_FIRST_PAUSE = 0.2  # seconds; doubles, with as much again by chance


class Transfer:
    """Fetches one URL.  What is already in the staging is never asked for again if the source can resume."""

    def __init__(
        self, *, session: ClientSession, policy: SourcePolicy, limits: FetchLimits, timing: Timing, into: Staging
    ) -> None:
        self._session = session
        self._policy = policy
        self._limits = limits
        self._timing = timing
        self._into = into
        self._entity: Entity | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)

    async def run(self, url: URL) -> None:
        """Bring all bytes of *url*, or raise as `Downloader.fetch` does."""
        for resume in range(_MAX_RESUMES + 1):
            try:
                await self._attempt(url)
            except Broken as broken:
                log.info("a source broke off", extra={"host": url.host, "cause": str(broken)})
                if resume == _MAX_RESUMES or not self._can_resume:
                    break
                await self._timing.sleep(_FIRST_PAUSE * 2**resume * (1 + self._timing.jitter()))
            else:
                return
        raise SourceUnavailable("The source did not answer, or broke off.")

    @property
    def _can_resume(self) -> bool:
        return self._entity is not None and self._entity.etag is not None

    async def _attempt(self, url: URL) -> None:
        response = await self._open(url)
        try:
            entity = await self._accept(response)
            async with aclosing(self._chunks(response)) as chunks:
                async for chunk in chunks:
                    self._md5.update(chunk)
                    await self._into.write(chunk)
        finally:
            response.close()
        self._require_whole(entity)

    async def _open(self, url: URL) -> ClientResponse:
        """Return the first answer that is no redirect.  Always from the start: where one led may have expired."""
        headers = self._range_headers()
        for _ in range(_MAX_REDIRECTS + 1):
            with translated():
                response = await self._session.get(url, headers=headers, allow_redirects=False)
            if response.status not in REDIRECTS:
                return response
            response.close()
            url = self._policy.follow(url, response.headers.get("Location", ""))
        raise SourceNotAllowed

    def _range_headers(self) -> dict[str, str]:
        """RFC 9110 13.1.5: the rest if it is still the same image, else all of it."""
        if self._entity is None or self._entity.etag is None or self._into.size == 0:
            return {}
        return {"Range": f"bytes={self._into.size}-", "If-Range": self._entity.etag}

    async def _accept(self, response: ClientResponse) -> Entity:
        """Judge the answer's head and bring the staging to where its body begins."""
        entity = read_entity(
            response.status, response.headers, max_bytes=self._limits.max_bytes, now=self._timing.clock()
        )
        if response.status == HTTPStatus.PARTIAL_CONTENT:
            return self._continued(entity)
        if self._into.size:
            await self._into.restart()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._entity = entity
        return entity

    def _continued(self, entity: Entity) -> Entity:
        """Return what the transfer began with, if *entity* is the rest of exactly that."""
        begun = self._entity
        if begun is None or entity.start != self._into.size or begun.size not in {None, entity.size}:
            raise SourceUnavailable("The source resumes with other bytes than were asked for.")
        if entity.etag is not None and entity.etag != begun.etag:
            raise SourceUnavailable("The source resumes with another image.")
        return replace(begun, size=entity.size)

    async def _chunks(self, response: ClientResponse) -> AsyncGenerator[bytes, None]:
        """Yield the body in large pieces, and what had come before raising `Broken`."""
        pending = bytearray()
        pace = Pace(min_rate=self._limits.min_rate, window=self._limits.rate_window)
        try:
            while data := await self._read(response, pace):
                pending += data
                if self._into.size + len(pending) > self._limits.max_bytes:
                    raise too_large(self._limits.max_bytes)
                if len(pending) >= CHUNK:
                    yield bytes(pending)
                    pending.clear()
        except Broken:
            if pending:
                yield bytes(pending)
            raise
        if pending:
            yield bytes(pending)

    async def _read(self, response: ClientResponse, pace: Pace) -> bytes:
        # aiohttp vouches for Content-Length and chunked framing.  A body that merely ends with the connection
        # may be cut short unnoticed here; the inspector's check for the end marker finds that out.
        begun = self._timing.monotonic()
        with translated():
            data = await response.content.read(CHUNK)
        try:
            pace.record(len(data), self._timing.monotonic() - begun)
        except TooSlow:
            raise Broken("TooSlow") from None
        return data

    def _require_whole(self, entity: Entity) -> None:
        if entity.size is not None and self._into.size != entity.size:
            raise Broken("Incomplete")
        if entity.md5 is not None and self._md5.hexdigest() != entity.md5:
            raise SourceUnavailable("The bytes are not those the source announced.")

"""What a stand-in was asked, so that a test can say "the request was sent once, without a key"."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import CIMultiDictProxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request as it arrived.  *body* is only kept for JSON."""

    host: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: CIMultiDictProxy[str]
    body: bytes

    def to_json(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "method": self.method,
            "path": self.path,
            "query": dict(self.query),
            "headers": dict(self.headers),
            "body": self.body.decode(errors="replace"),
        }


@dataclass(slots=True)
class Journal:
    """Every request to every host of a stand-in, in order of arrival."""

    entries: list[Entry] = field(default_factory=list)

    def select(self, *, host: str | None = None, method: str | None = None, path: str = "") -> list[Entry]:
        """Return the entries of *host* and *method* whose path contains *path*."""
        return [
            entry
            for entry in self.entries
            if host in {None, entry.host} and method in {None, entry.method} and path in entry.path
        ]

    def middleware(self, host: str) -> Middleware:
        """Return what writes down the requests to *host*."""

        @web.middleware
        async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.entries.append(await _entry(request, host))
            return await handler(request)

        return record


async def _entry(request: web.Request, host: str) -> Entry:
    return Entry(
        host=host,
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers=request.headers,
        body=await request.read() if request.content_type == "application/json" else b"",
    )
